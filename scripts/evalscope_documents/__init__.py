"""Parts of `document.py`: what is generated of this project's own files."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The checkout."""
