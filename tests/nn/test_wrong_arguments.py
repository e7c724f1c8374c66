"""Whatever is wrong with an argument, the error names it; nothing of Python's own surfaces."""

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch

import elman
from elman.errors import ElmanError

WRONG: tuple[Any, ...] = (
    None, "", "x", "x" * 5000, -1, 0, 2.5, float("nan"), 10**30, True, [], [1], {}, {"h": 2},
    {"z": 0.1}, {1: 1}, object(), b"x", torch.zeros(2), torch.randn(3, 4), torch.tensor(1),
    complex(1, 1), (1, 2, 3), {"h": "x"},
)  # fmt: skip
SETTINGS = (
    "cell", "input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout",
    "bidirectional", "proj_size", "backend", "recurrent_dropout", "variational",
    "weight_dropout", "zoneout", "layer_norm", "residual", "forget_bias", "init",
    "learn_initial_state",
)  # fmt: skip


def message_of(call: Callable[[], object]) -> str | None:
    """What the error says, None if there is none; errors of other kinds go through."""
    try:
        call()
    except (ElmanError, ValueError, TypeError) as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", SETTINGS)
def test_settings(name: str) -> None:
    usual = {"cell": "lstm", "input_size": 3, "hidden_size": 4}
    for value in WRONG:
        message = message_of(lambda given=usual | {name: value}: elman.layer(**given))
        assert message is None or (name in message and len(message) < 400), (value, message)


@pytest.mark.parametrize("name", ["x", "state", "lengths", "resets"])
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_inputs(kind: str, name: str) -> None:
    layer = elman.layer(kind, 3, 4)
    for value in (
        *WRONG,
        torch.zeros(5, 2, 3, dtype=torch.int64),
        torch.zeros(5, 2, 3, dtype=torch.float64),
        torch.zeros(5, 2, 2),
        torch.zeros(5, 2, 3, 1),
        torch.zeros(1, 3, 4),
        torch.zeros(1, 2, 4, dtype=torch.float64),
        (torch.zeros(1, 2, 4), torch.zeros(1, 2, 5)),
        (torch.zeros(1, 2, 4), None),
        torch.tensor([5, 6]),
        torch.tensor([5, -1]),
        torch.zeros(5, 2),
    ):
        given = {"x": torch.zeros(5, 2, 3), name: value}
        message = message_of(lambda given=given: layer(**given))
        assert message is None or name in message, (value, message)


@pytest.mark.parametrize("name", ["x_t", "state"])
def test_steps(name: str) -> None:
    layer = elman.LSTM(3, 4)
    for value in (*WRONG, torch.zeros(2, 4), torch.zeros(2, 3, dtype=torch.float64)):
        given = {"x_t": torch.zeros(2, 3), name: value}
        message = message_of(lambda given=given: layer.step(**given))
        assert message is None or name in message or "x " in message, (value, message)


def test_pairs_of_wrong_settings() -> None:
    draw = random.Random(5)
    for _ in range(300):
        first, second = draw.sample(SETTINGS, 2)
        given = {"cell": "gru", "input_size": 3, "hidden_size": 4}
        given |= {first: draw.choice(WRONG), second: draw.choice(WRONG)}
        message = message_of(lambda given=given: elman.layer(**given))
        assert message is None or first in message or second in message, (given, message)


@pytest.mark.parametrize(
    ("dtype", "shown"),
    [
        (torch.float64, r"x is float64, but the layer's weights are float32: pass x.to"),
        (torch.int64, r"x is int64, but the layer computes with float32: pass x.to"),
        (torch.bool, r"x is bool, but"),
    ],
)
@pytest.mark.parametrize("backend", ["auto", "reference"])
def test_another_dtype(dtype: torch.dtype, shown: str, backend: str) -> None:
    layer = elman.GRU(3, 4, backend=backend)
    for run in (layer, layer.step):
        x = torch.zeros(5, 2, 3, dtype=dtype)
        with pytest.raises(ValueError, match=shown):
            run(x if run is layer else x[0])
