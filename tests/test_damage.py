"""Runs with random damage: whatever a file holds, reading ends, and no cell gets a wrong type or a sentinel."""

import json
import math
import random
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest
from evalscope_summary import discovery, tables
from evalscope_summary.columns import BY_NAME, is_type
from evalscope_summary.formats import ARGS, DATABASE, PERCENTILE, SUMMARY
from evalscope_summary.records import _as_json
from evalscope_summary.run import read_run
from evalscope_summary.settings import complete

RUNS = Path(__file__).parent / "fixtures" / "runs"
WRONG: list[Any] = [
    *(None, True, -1, -1000, -5, 0, 1.5, 2**70, math.inf, -math.inf, math.nan),
    *("12", "", "\ud800", "a\r\nb\0c", "x" * 1000),
    *([], {}, [1, 2], [None] * 3, [{}], {"a": [1]}),
]


def damage(folder: Path, chance: random.Random) -> None:
    """Put wrong values into a run's JSON files, cut some of them off, and change bytes of the database."""
    for name in (SUMMARY, ARGS, PERCENTILE):
        path = folder / name
        if not path.exists():
            continue
        content = json.loads(path.read_text("utf-8"))
        if chance.random() < 0.15:
            content = chance.choice(WRONG)
        elif isinstance(content, dict):
            for key in chance.sample(list(content), max(1, len(content) // 4)):
                content[key] = chance.choice(WRONG)
        else:
            for row in content:
                if chance.random() < 0.3:
                    row[chance.choice(list(row))] = chance.choice(WRONG)
        text = json.dumps(content).encode()
        path.write_bytes(text[: chance.randrange(len(text) + 1)] if chance.random() < 0.1 else text)
    database = folder / DATABASE
    if database.exists() and chance.random() < 0.4:
        data = bytearray(database.read_bytes())
        for _ in range(chance.randrange(1, 60)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        database.write_bytes(data[: chance.randrange(len(data))] if chance.random() < 0.2 else data)


@pytest.mark.parametrize("seed", range(4))
def test_damaged_runs_never_stop_the_reading_nor_give_a_wrong_cell(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    for number, (run, signature) in enumerate(sorted(discovery.discover(str(RUNS)).runs.items())):
        folder = tmp_path / str(number)
        shutil.copytree(RUNS / run, folder, copy_function=shutil.copyfile)
        damage(folder, chance)
        record = read_run(tmp_path, str(number), signature, True, True)
        assert orjson.dumps(_as_json(record))
        if record.skipped:
            continue
        cells = [
            cell
            for metrics in ("reported", "recomputed")
            for cell in tables.assemble(record, complete({"metrics": metrics})).items()
        ]
        for name, value in cells:
            if value is None:
                continue
            assert is_type(value, BY_NAME[name].type), (run, name, value)
            if BY_NAME[name].type == "float":
                assert math.isfinite(value), (run, name, value)
                assert value >= 0, (run, name, value)
