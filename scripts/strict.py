"""Fail if summary_problems names a skipped run that nobody accepted. Run by rule `strict`."""

import argparse
import json
from pathlib import Path

from evalscope_summary import status
from evalscope_summary.languages import counted, say
from evalscope_summary.problems import printable

_NAMED = 10


def main() -> None:
    """Exit with 1, naming the first skipped runs, if there are any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", type=Path, help="JSON file with the settings of this rule")
    parser.add_argument("problems", type=Path, help="summary_problems.csv")
    options = parser.parse_args()
    settings = json.loads(options.settings.read_bytes())
    last = status.State.load(options.settings.with_name(status.LAST))
    disturbing = status.by_run(status.disturbing(status.read_problems(options.problems), settings, last))
    if not disturbing:
        return
    named = "".join(
        f"\n  {printable(run)}: {', '.join(f'{problem.code} ({problem.file})' for problem in problems)}"
        for run, problems in list(disturbing.items())[:_NAMED]
    )
    more = ""
    if len(disturbing) > _NAMED:
        more = "\n  " + say("and {number} more in {table}", number=len(disturbing) - _NAMED, table=options.problems)
    new = " that had not been skipped before" if settings["strict"] == "new" else ""
    head = say(
        f"strict: {{count}} skipped{new}, all listed in {{table}}",
        count=counted(len(disturbing), "run"),
        table=options.problems,
    )
    parser.exit(1, f"{head}{named}{more}\n")


if __name__ == "__main__":
    main()
