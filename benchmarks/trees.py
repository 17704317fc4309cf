"""Write results trees of any size, as evalscope leaves them, for the benchmark.

    trees.py TREE --runs 1000                                     small runs: 20 requests, short replies
    trees.py TREE --runs 40 --requests 170 --reply 300000         big ones
    trees.py TREE --runs 1000 --release 1.14.1                    as another release writes them

The files come from a real run of the release in tests/fixtures/runs, with other numbers; the same arguments give the
same bytes.
"""

import argparse
import json
import random
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

RUNS = Path(__file__).parents[1] / "tests" / "fixtures" / "runs"
RELEASES = sorted(path.parent.name for path in RUNS.glob("*/single"))
REPEATS = 5  # runs of one test, in one config folder
MODEL = "mock-7b"


def template(release: str) -> Path:
    """The folder of a real run."""
    return min((RUNS / release / "single").rglob("benchmark_data.db")).parent


def make_database(path: Path, source: Path, requests: int, reply: int) -> None:
    """Write a database as the release does, with the rows of a real run over and over.

    Args:
        path: the file.
        source: database of the real run.
        requests: number of rows.
        reply: bytes of each reply, and of its intervals a fifteenth of that, as in real databases.
    """
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as real:
        (ddl,) = real.execute("SELECT sql FROM sqlite_master WHERE name = 'result'").fetchone()
        names = [row[1] for row in real.execute("PRAGMA table_info(result)")]
        rows = [dict(zip(names, row, strict=True)) for row in real.execute("SELECT * FROM result")]
    lists = "inter_token_latencies" if "inter_token_latencies" in names else "chunk_times"
    for row in rows:
        times = json.loads(row[lists] or "[]")
        if times and lists in names:
            wanted = max(len(times), reply // 300)
            last = times[-1]
            times += [last + 0.01 * i if lists == "chunk_times" else last for i in range(wanted - len(times))]
            row[lists] = json.dumps(times)
        row["response_messages"] = "gASV" * (reply // 4)
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as made:
        made.execute("PRAGMA synchronous = OFF")
        made.execute(ddl)
        made.executemany(
            f"INSERT INTO result VALUES ({', '.join('?' * len(names))})",
            ([rows[i % len(rows)][name] for name in names] for i in range(requests)),
        )
        made.commit()


def vary(content: Any, factor: float) -> Any:
    """The same JSON with other measured values: all floats but sentinels are multiplied."""
    if isinstance(content, dict):
        return {key: vary(value, factor) for key, value in content.items()}
    if isinstance(content, list):
        return [vary(value, factor) for value in content]
    return round(content * factor, 4) if isinstance(content, float) and content > 0 else content


def make_tree(tree: Path, runs: int, release: str = "1.4.0", requests: int = 20, reply: int = 1000) -> list[Path]:
    """Write a tree `config/timestamp/model` with five runs in each config; returns the run folders.

    Args:
        tree: folder to write.
        runs: how many.
        release: whose files, one of `RELEASES`.
        requests: of each run.
        reply: bytes of each reply.
    """
    source = template(release)
    tree.mkdir(parents=True)
    database = tree.with_name(f"{tree.name}.database")
    make_database(database, source / "benchmark_data.db", requests, reply)
    args = json.loads((source / "benchmark_args.json").read_bytes()) | {"model": MODEL, "number": requests}
    summary = json.loads((source / "benchmark_summary.json").read_bytes())
    percentiles = json.loads((source / "benchmark_percentile.json").read_bytes())
    counts = {
        key: requests
        for key in summary
        if key.lower() in ("total requests", "succeed requests", "success requests", "stream requests")
    }
    made = []
    for number in range(runs):
        chance = random.Random(number)
        test, repeat = divmod(number, REPEATS)
        run = tree / f"p{test}_n{requests}_dp_short" / f"20260101_{repeat:06}" / MODEL
        run.mkdir(parents=True)
        factor = chance.uniform(0.8, 1.2)
        own = (
            vary(summary, factor)
            | counts
            | {key: test + 1 for key in summary if key in ("Concurrency", "Number of concurrency")}
        )
        files = {
            "benchmark_args.json": args | {"parallel": test + 1},
            "benchmark_summary.json": own,
            "benchmark_percentile.json": vary(percentiles, factor),
        }
        for name, content in files.items():
            (run / name).write_text(json.dumps(content, indent=4))
        shutil.copyfile(database, run / "benchmark_data.db")
        made.append(run)
    database.unlink()
    return made


def main() -> None:
    """Parse the arguments, write the tree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=Path, help="folder to write; it must not exist")
    parser.add_argument("--runs", type=int, default=1000, help="number of runs (default: 1000)")
    parser.add_argument("--release", choices=RELEASES, default="1.4.0", help="whose files (default: 1.4.0)")
    parser.add_argument("--requests", type=int, default=20, help="requests of each run (default: 20)")
    parser.add_argument("--reply", type=int, default=1000, help="bytes of each reply (default: 1000)")
    options = parser.parse_args()
    made = make_tree(options.tree, options.runs, options.release, options.requests, options.reply)
    print(f"{len(made)} runs below {options.tree}", file=sys.stderr)


if __name__ == "__main__":
    main()
