"""Which requests kept the bounds of the setting `slo`, and the cells that say so."""

from collections.abc import Iterable, Mapping

import numpy as np

from .layouts import REQUEST_MEASURES
from .record import Values
from .request_rows import Rows, Run

_SUCCEEDED = REQUEST_MEASURES.index("succeeded")


def cells(run: Run, blocks: Iterable[Rows], bounds: Mapping[str, float]) -> Values:
    """The cells of a run in the columns that `slo` adds.

    A request keeps its bounds if it succeeded, and each bounded value was measured and is not above its bound. Where
    there are successful requests, and of none of them a bounded value was measured, the run does not say whether the
    bound was kept, and has no cells.

    Args:
        run: of the kept rows.
        blocks: its rows, in parts.
        bounds: measure → the most that it may be, in seconds.
    """
    places = [REQUEST_MEASURES.index(name) for name in bounds]
    limits = np.array(list(bounds.values()))
    kept = succeeded = 0
    measured = np.zeros(len(places), bool)
    for rows in blocks:
        values = rows[rows[:, _SUCCEEDED] == 1][:, places]
        succeeded += len(values)
        measured |= ~np.isnan(values).all(axis=0)
        kept += int((values <= limits).all(axis=1).sum())
    if not run.requests or (succeeded and not measured.all()):
        return {}
    return {"slo_share": kept / run.requests} | ({"goodput": kept / run.seconds} if run.seconds else {})
