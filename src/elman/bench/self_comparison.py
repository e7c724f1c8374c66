"""Compiled layers among themselves: what padding, bfloat16 and the number of gates come to."""

import warnings
from typing import Any

import torch

from elman.bench.clock import interleaved
from elman.bench.measurement import Row
from elman.bench.workload import Shape, check, ours, work
from elman.cells import BUILTIN, Cell
from elman.math import sigmoid, tanh
from elman.nn import layer

LARGE: Shape = (100, 32, 512, 512)  # where half the bytes should pay
_PASSES = (("inference", False), ("train", True))
_HALF, _COARSE = torch.bfloat16, 20.0  # its 8 bits widen the tolerance


class Highway(Cell):
    """A cell as a user would write it (Zilly et al. 2017, arXiv:1607.03474, one layer deep)."""

    gates = ("t", "n")

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        """One step."""
        t = sigmoid(x.t + r.t)
        return {"h": t * s.h + (1 - t) * tanh(x.n + r.n)}


OTHERS: dict[str, type[Cell]] = {
    **{name: BUILTIN[name] for name in ("peephole_lstm", "cifg", "mgu")},
    "a user's": Highway,
}


def ragged(cell: str, shape: Shape, seconds: float) -> list[Row]:
    """A batch of which half is padding, against the dense batch of the same shape.

    >>> [(row.mode, row.rival) for row in ragged("gru", (3, 2, 4, 4), seconds=0)]
    [('ragged inference', 'dense batch'), ('ragged train', 'dense batch')]
    """
    steps, batch, features, hidden = shape
    own = layer(cell, features, hidden, backend="compiled")
    plain = layer(cell, features, hidden, backend="reference")
    plain.load_state_dict(own.state_dict())
    x = torch.randn(steps, batch, features)
    lengths = torch.linspace(1, steps - 1, batch).round().long()
    rows = []
    for name, gradients in _PASSES:
        job = work(own, x, gradients=gradients)
        padded = ours(job, lengths=lengths)
        check("the reference", ours(job._replace(layer=plain), lengths=lengths)(), padded())
        (dense, mine), others = interleaved([ours(job), padded], seconds)
        mode = f"ragged {name}"
        rows.append(Row(cell, shape, mode, "dense batch", dense, mine, others=others))
    return rows


def halves(cell: str, shape: Shape, seconds: float) -> list[Row]:
    """The layer in bfloat16 against itself in float32; nothing where no kernel is for bfloat16."""
    steps, batch, features, hidden = shape
    full = layer(cell, features, hidden, backend="compiled")
    half = layer(cell, features, hidden, backend="compiled", dtype=_HALF)
    half.load_state_dict(full.state_dict())
    full.load_state_dict(half.state_dict())  # rounded alike
    x = torch.randn(steps, batch, features).to(_HALF)
    rows = []
    for name, gradients in _PASSES:
        job = work(half, x, gradients=gradients)
        mine = ours(job)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there is no kernel
            results = mine()
        if half.backend_used != "compiled":
            continue
        upstream = None if job.upstream is None else job.upstream.float()
        whole = ours(job._replace(layer=full, x=x.float(), upstream=upstream))
        check("float32", whole(), results, _COARSE)
        (theirs, own), others = interleaved([whole, mine], seconds)
        mode = f"bfloat16 {name}"
        rows.append(Row(cell, shape, mode, "float32", theirs, own, others=others))
    return rows


def gates(shape: Shape, seconds: float) -> list[Row]:
    """Other cells against our LSTM, whose time is scaled to their number of gates.

    >>> rows = gates((3, 2, 4, 4), seconds=0)
    >>> [row.cell for row in rows if row.mode == "gates train"]
    ['peephole_lstm', 'cifg', 'mgu', "a user's"]
    """
    steps, batch, features, hidden = shape
    x = torch.randn(steps, batch, features)
    cells = {"lstm": BUILTIN["lstm"], **OTHERS}
    rows = []
    for name, gradients in _PASSES:
        jobs = [
            work(layer(cell, features, hidden, backend="compiled"), x, gradients=gradients)
            for cell in cells.values()
        ]
        (lstm, *rest), others = interleaved([ours(job) for job in jobs], seconds)
        for (cell, kind), mine in zip(OTHERS.items(), rest, strict=True):
            scaled = lstm * len(kind.gates) / len(BUILTIN["lstm"].gates)
            mode = f"gates {name}"
            rows.append(Row(cell, shape, mode, "lstm per gate", scaled, mine, others=others))
    return rows
