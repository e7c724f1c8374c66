import random
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import elman
from elman.cells import BUILTIN
from elman.compiler import UntraceableError, equations
from elman.compiler.schedule import plan
from elman.compiler.trace import parse_equations
from elman.math import tanh, where


def cell(step: Any, **names: Any) -> elman.Cell:
    return type("Own", (elman.Cell,), {"gates": ("h",), "step": step, **names})()


@pytest.mark.parametrize("name", BUILTIN)
def test_every_builtin_cell_is_traced_and_written_as_text(name: str) -> None:
    step = equations(BUILTIN[name]())
    assert parse_equations(str(step)) == step
    assert all(gradient is not None for gradient in plan(step).dx)


def test_what_is_saved() -> None:
    """Five numbers a unit and step for an LSTM, of which four stand where its gates stood."""
    lstm, gru, rnn = (plan(equations(BUILTIN[name]())) for name in ("lstm", "gru", "rnn"))
    assert (len(lstm.saves), len(gru.saves), len(rnn.saves)) == (5, 4, 0)
    assert (lstm.shared, gru.shared, rnn.shared) == (True, False, True)
    assert (lstm.extra_saves, gru.extra_saves, rnn.extra_saves) == (1, 1, 0)


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (lambda self, x, r, s: {"h": x.h if x.h > 0 else s.h}, "branches on a value"),
        (lambda self, x, r, s: {"h": torch.erf(x.h)}, "calls erf of torch"),
        (lambda self, x, r, s: {"h": x.h + torch.ones(3)}, "uses a Tensor that is no gate"),
        (lambda self, x, r, s: {"h": x.h * random.random()}, "differ from call to call"),
        (lambda self, x, r, s: {"h": x.h**1.7}, "powers are traced for 1 to 8 and 0.5"),
        (lambda self, x, r, s: {"h": where(x.h, s.h, r.h)}, "comparison as its condition"),
        (lambda self, x, r, s: {"h": x.h.cumsum(0)}, "a traced value has no cumsum"),
        (lambda self, x, r, s: {"h": x.h == s.h or r.h}, "branches on a value"),
    ],
)
def test_what_cannot_be_traced_is_said(step: Any, reason: str) -> None:
    with pytest.raises(UntraceableError, match=reason):
        equations(cell(step))


def test_torchs_own_functions_are_traced() -> None:
    ours = cell(lambda self, x, r, s: {"h": tanh(x.h) * (s.h + 1)})
    theirs = cell(lambda self, x, r, s: {"h": torch.tanh(x.h) * (s.h + 1)})
    assert equations(ours) == equations(theirs)
    assert equations(cell(lambda self, x, r, s: {"h": F.softplus(x.h) + x.h.sigmoid() ** 2}))


def test_a_changed_setting_is_traced_anew() -> None:
    own = cell(lambda self, x, r, s: {"h": self.leak * s.h + x.h})
    own.leak = 0.5  # type: ignore[attr-defined]
    before = equations(own)
    own.leak = 0.25  # type: ignore[attr-defined]
    assert equations(own) != before


def test_an_untraceable_cell_runs_on_the_reference_and_says_so() -> None:
    layer = elman.layer(cell(lambda self, x, r, s: {"h": torch.erf(x.h)}), 2, 3, backend="compiled")
    with pytest.warns(UserWarning, match="Own runs on the reference: it calls erf of torch"):
        layer(torch.randn(4, 1, 2))
    assert layer.backend_used == "reference"
    quiet = elman.layer(layer.cell, 2, 3)
    quiet(torch.randn(4, 1, 2))
    assert quiet.backend_used == "reference"
