from dataclasses import replace

import numpy as np
import pytest
from tiny_signatures import sign

from elman.data import Ink
from elman.data.ink.preparation import scaled
from elman.errors import DataError
from elman.tasks.signature.functions import STEPS, function_names, global_names, traced

PEN = ("pressure",)


def test_shapes_and_finite_numbers():
    found = traced(sign(1, np.random.default_rng(0)), PEN)
    assert found.functions.shape == (STEPS, len(function_names(PEN)))
    assert found.globals.shape == (len(global_names(PEN)),)
    assert np.isfinite(found.functions).all()
    assert np.isfinite(found.globals).all()


@pytest.mark.parametrize(
    "ink",
    [
        Ink.of_strokes([[(3, 4)]]),
        Ink.of_strokes([[(0, 0), (0, 0), (0, 0)]]),
        Ink.of_strokes([[(1e9, -1e9), (2e9, 1e9)], [(0, 0)]]),
    ],
    ids=["dot", "resting", "huge"],
)
def test_odd_ink_gives_finite_numbers(ink):
    found = traced(ink, ())
    assert np.isfinite(found.functions).all()
    assert np.isfinite(found.globals).all()


def test_place_and_unit_do_not_matter():
    ink = sign(2, np.random.default_rng(0))
    one = traced(ink, PEN)
    other = traced(scaled(ink.placed(ink.points + 700), 40.0), PEN)
    assert np.allclose(one.functions, other.functions, atol=1e-2)


def test_the_sampling_rate_matters_little():
    fast, slow = (
        traced(sign(3, np.random.default_rng(0), rate=rate), PEN).functions for rate in (200, 100)
    )
    x, y = (function_names(PEN).index(name) for name in ("x", "y"))
    assert np.abs(fast - slow)[:, [x, y]].max() < 0.1


def test_a_missing_channel_is_nan():
    found = traced(sign(1, np.random.default_rng(0), pen=False), PEN)
    missing = np.isnan(found.functions).any(0)
    assert [name for name, m in zip(function_names(PEN), missing, strict=True) if m] == [
        "pressure",
        "pressure change",
    ]


def test_bad_ink():
    ink = sign(1, np.random.default_rng(0))
    assert ink.time is not None
    with pytest.raises(DataError, match="no point"):
        traced(Ink.of_strokes([]), ())
    back = ink.time.copy()
    back[40:] -= 0.3
    with pytest.raises(DataError, match="the time decreases at point 40"):
        traced(replace(ink, time=back), ())
    with pytest.raises(DataError, match="lasts"):
        traced(replace(ink, time=ink.time * 1000), ())
