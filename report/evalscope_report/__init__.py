"""What the page and the figures of the report share."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))  # the data layer's modules, which all here import
