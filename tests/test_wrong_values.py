"""Public functions given what they cannot take: an error that names the argument."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from bad_values import BAD_VALUES, HUGE

import elman
from elman import data, nn
from elman.errors import ElmanError

CALLS: dict[str, Callable[[Any], object]] = {
    "values": lambda v: elman.Ragged(v, [1]),
    "lengths": lambda v: elman.Ragged(torch.zeros(3, 2), v),
    "sequences": elman.Ragged.from_list,
    "layer": lambda v: nn.chrono(v, 10),
    "longest": lambda v: nn.chrono(elman.LSTM(2, 3), v),
    "layers": lambda v: nn.Dilated(v, [1]),
    "dilations": lambda v: nn.Dilated([elman.LSTM(2, 3)], v),
    "kind": lambda v: nn.Pooling(v, 3),
    "length": lambda v: data.adding_problem(v, 2),
    "lag": lambda v: data.copy_memory(v, 2),
    "batch": lambda v: data.parity(4, v),
    "depth": lambda v: data.dyck(4, 2, depth=v),
    "symbols": lambda v: data.delayed_recall(3, 2, symbols=v),
    "per_class": data.library_lines,
    "dataset": data.at_hand,
    "features": data.spec_augment,
    "factor": lambda v: data.at_speed(np.zeros(80, np.float32), 8000, v),
    "decibels": lambda v: data.with_noise(np.ones(8, np.float32), v, np.random.default_rng(0)),
    "random": lambda v: data.with_noise(np.ones(8, np.float32), 20, v),
}
TOO_MUCH = {"length", "lag", "batch", "per_class", "symbols", "longest"}  # where HUGE is a number


@pytest.mark.filterwarnings("ignore:Exporting an unversioned DLPack")  # of Arrow
@pytest.mark.parametrize("name", CALLS)
def test_the_error_names_the_argument(name: str) -> None:
    for value in BAD_VALUES:
        if name in TOO_MUCH and value is HUGE:
            continue
        try:
            CALLS[name](value)
        except (ElmanError, ValueError, TypeError) as error:
            message = str(error)
        else:
            continue
        assert name in message or f"{name[:-1]} " in message, (value, message)
        assert len(message) < 500


@pytest.mark.parametrize("path", ["x" * 5000, "x/" * 3000, "x" * 300])
def test_a_path_that_no_file_can_have(path: str) -> None:
    with pytest.raises(ElmanError, match="path='x"):
        elman.load(path)
