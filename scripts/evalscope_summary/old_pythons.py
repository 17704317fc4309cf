"""What is said to a Python that is too old for all else here, in the language of the locale: so written that Python 3.6
can read it, and without anything of this project. `make` runs it as a program."""

import json
import locale
import os
import sys

OLDEST = (3, 11)
_CATALOG = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "config", "messages.zh.json")
_TOO_OLD = "Python {oldest} or later is needed, and this is {version} ({python}): {advice}"


def language() -> str:
    """`zh` under a Chinese locale, else `en`."""
    name = next((os.environ[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(key)), "")
    name = name or locale.getlocale()[0] or ""
    return "zh" if name.lower().startswith(("zh", "chinese")) else "en"


def refuse(advice: str) -> None:
    """End this process: its Python is too old.

    Args:
        advice: what to do, in English.
    """
    texts = {}
    if language() == "zh":
        with open(_CATALOG, encoding="utf-8") as file:
            texts = json.load(file)
    message = texts.get(_TOO_OLD, _TOO_OLD).format(
        oldest=".".join(map(str, OLDEST)),
        version=sys.version.split()[0],
        python=sys.executable,
        advice=texts.get(advice, advice),
    )
    # its own encoding may be ASCII, as that of Python 3.6 in a terminal without a locale
    sys.stderr.buffer.write(("evalscope-summary: " + message + "\n").encode("utf-8"))
    sys.exit(1)


if __name__ == "__main__" and sys.version_info < OLDEST:
    refuse("make PYTHON=python3.12")
