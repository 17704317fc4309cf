"""Print lines in the language of the locale: what `make` says. Their Chinese is in config/messages.zh.json."""

import argparse

from evalscope_summary.languages import translated


def main() -> None:
    """Print what was given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lines", nargs="+", help="in English")
    print(*map(translated, parser.parse_args().lines), sep="\n")


if __name__ == "__main__":
    main()
