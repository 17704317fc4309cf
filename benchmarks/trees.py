"""Write results trees of any size, as evalscope leaves them, for the benchmark.

    trees.py TREE --runs 1000                                     small runs: 20 requests, short replies
    trees.py TREE --runs 40 --requests 170 --reply 300000         big ones
    trees.py TREE --runs 1000 --release 1.14.1                    as another release writes them
    trees.py TREE --runs 1000 --repeats-of-a-test 1               each run is its own group, as in a sweep

The files come from a real run of the release in tests/fixtures/runs, with other numbers; the same arguments give the
same bytes.
"""

import argparse
import json
import multiprocessing
import random
import shutil
import sqlite3
import sys
from contextlib import closing
from functools import cache, partial
from pathlib import Path
from typing import Any

RUNS = Path(__file__).parents[1] / "tests" / "fixtures" / "runs"
VLLM = RUNS.parent / "tools" / "vllm" / "0.33.0" / "single"
RELEASES = sorted(path.parent.name for path in RUNS.glob("*/single"))
MODEL = "mock-7b"
PARTS = ("args", "summary", "percentile")


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


def make_tree(
    tree: Path, runs: int, release: str = "1.4.0", requests: int = 20, reply: int = 1000, repeats: int = 5
) -> list[Path]:
    """Write a tree `config/timestamp/model`, on all cores; returns the run folders.

    Args:
        tree: folder to write.
        runs: how many.
        release: whose files, one of `RELEASES`.
        requests: of each run.
        reply: bytes of each reply.
        repeats: runs of one test, which lie in one config folder and have one level.
    """
    source = template(release)
    tree.mkdir(parents=True)
    database = tree.with_name(f"{tree.name}.database")
    make_database(database, source / "benchmark_data.db", requests, reply)
    write = partial(write_run, tree, source, database, requests, repeats)
    if runs < 100:
        made = list(map(write, range(runs)))
    else:
        with multiprocessing.get_context("fork").Pool() as processes:
            made = processes.map(write, range(runs), chunksize=50)
    database.unlink()
    return made


@cache
def real(source: Path) -> dict[str, Any]:
    """The JSON files of a real run."""
    return {part: json.loads((source / f"benchmark_{part}.json").read_bytes()) for part in PARTS}


def write_run(tree: Path, source: Path, database: Path, requests: int, repeats: int, number: int) -> Path:
    """Write one run with numbers that follow from its own; returns its folder."""
    args, summary, percentiles = real(source).values()
    test, repeat = divmod(number, repeats)
    run = tree / f"p{test}_n{requests}_dp_short" / f"20260101_{repeat:06}" / MODEL
    run.mkdir(parents=True)
    factor = random.Random(number).uniform(0.8, 1.2)
    counted = ("total requests", "succeed requests", "success requests", "stream requests")
    own = vary(summary, factor)
    own |= {key: requests for key in summary if key.lower() in counted}
    own |= {key: test + 1 for key in summary if key in ("Concurrency", "Number of concurrency")}
    contents = (args | {"model": MODEL, "number": requests, "parallel": test + 1}, own, vary(percentiles, factor))
    for part, content in zip(PARTS, contents, strict=True):
        (run / f"benchmark_{part}.json").write_text(json.dumps(content, indent=4))
    shutil.copyfile(database, run / "benchmark_data.db")
    return run


def write_vllm(tree: Path, runs: int) -> None:
    """Write results of vLLM, a file each, with numbers that follow from those of a real one.

    Args:
        tree: folder to write.
        runs: how many, five of each test.
    """
    (source,) = VLLM.glob("*.json")
    content = json.loads(source.read_bytes())
    for number in range(runs):
        test, repeat = divmod(number, 5)
        folder = tree / f"p{test}_n20_dp_short"
        folder.mkdir(parents=True, exist_ok=True)
        own = vary(content, random.Random(number).uniform(0.8, 1.2))
        own |= {"burstiness": 1.0, "max_concurrency": test + 1, "date": f"20260101-{repeat:06}"}
        (folder / source.name.replace("20261124-200159", own["date"])).write_text(json.dumps(own))


def main() -> None:
    """Parse the arguments, write the tree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=Path, help="folder to write; it must not exist")
    parser.add_argument("--runs", type=int, default=1000, help="number of runs (default: 1000)")
    parser.add_argument("--release", choices=RELEASES, default="1.4.0", help="whose files (default: 1.4.0)")
    parser.add_argument("--requests", type=int, default=20, help="requests of each run (default: 20)")
    parser.add_argument("--reply", type=int, default=1000, help="bytes of each reply (default: 1000)")
    parser.add_argument("--repeats-of-a-test", type=int, default=5, help="runs of each test (default: 5)")
    options = parser.parse_args()
    shape = (options.release, options.requests, options.reply, options.repeats_of_a_test)
    made = make_tree(options.tree, options.runs, *shape)
    print(f"{len(made)} runs below {options.tree}", file=sys.stderr)


if __name__ == "__main__":
    main()
