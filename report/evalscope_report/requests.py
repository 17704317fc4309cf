"""The request rows that a page holds: a bounded part, thinned by rules that the page says."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.dataset as ds

RUNS = 240
"""Runs whose requests a page holds: of each line in turn."""

POINTS = 100
"""Requests of a run that are drawn over time: every k-th in the order of starts."""

MEASURES = ("latency", "ttft", "token_latency")
SHARES = (*range(0, 90, 5), *range(90, 100), 99.9, 100)
"""The shares of requests (%) at which a distribution is drawn, each with the value at its nearest rank."""

_DIGITS = 5


def requests(table: Path, runs: Mapping[str, int], order: Sequence[int]) -> dict[str, Any]:
    """Read what is drawn of requests.

    Args:
        table: `summary_requests.parquet`.
        runs: path of each run → its row in `summary_raw`.
        order: rows of runs, those that are wanted first.

    Returns:
        shares: `SHARES`.
        rows: the runs' rows in `summary_raw`.
        runs: of each, `requests`, `quantiles` (measure → values at the shares, none where nothing was measured), and
            `start` and each measure: lists of the requests that are drawn over time.
        all: how many runs have requests.
    """
    dataset = ds.dataset(table, format="parquet")
    present = [run for run in _runs(dataset) if run in runs]
    place = {row: i for i, row in enumerate(order)}
    wanted = sorted(present, key=lambda run: place.get(runs[run], len(place)))[:RUNS]
    columns = ["run", "start", *MEASURES]
    rows, made = [], []
    chosen = dataset.to_table(columns=columns, filter=pc.field("run").isin(wanted)).to_pandas()
    for run, own in chosen.groupby("run", sort=False):
        rows.append(runs[str(run)])
        made.append(_of_run(own))
    return {"shares": list(SHARES), "rows": rows, "runs": made, "all": len(present), "points": POINTS}


def _runs(dataset: ds.Dataset) -> list[str]:
    """The runs of the table, in its order; no more than one part of it is in memory."""
    found: dict[str, None] = {}
    for batch in dataset.to_batches(columns=["run"]):
        found.update(dict.fromkeys(batch.column("run").unique().to_pylist()))
    return list(found)


def _of_run(own: pd.DataFrame) -> dict[str, Any]:
    quantiles = {}
    for name in MEASURES:
        values = np.sort(own[name].dropna().to_numpy(np.float64))
        if len(values):
            places = np.maximum(np.ceil(np.array(SHARES) / 100 * len(values)).astype(int), 1) - 1
            quantiles[name] = _short(values[places])
    timed = own.dropna(subset=["start", "latency"]).sort_values("start")
    every = max(1, -(-len(timed) // POINTS))
    drawn = timed.iloc[::every]
    return {
        "requests": len(own),
        "every": every,
        "quantiles": quantiles,
        **{name: _short(drawn[name].to_numpy(np.float64)) for name in ("start", *MEASURES)},
    }


def _short(values: Any) -> list[float | None]:
    return [None if np.isnan(value) else float(f"{value:.{_DIGITS}g}") for value in values]
