"""Outputs that must never change: each cell with weights from a formula, to twelve digits."""

import json
from pathlib import Path

import pytest
import torch

import elman
from elman.cells import BUILTIN

GOLDEN: dict[str, list[list[float]]] = json.loads(
    Path(__file__).with_name("golden.json").read_text()
)
T, B, FEATURES, H = 4, 2, 3, 2


def golden_output(cell: str, backend: str) -> torch.Tensor:
    """The output, (T, B * H), of a layer whose k-th parameter is sin(k + 1), sin(k + 2), ..."""
    layer = elman.layer(cell, FEATURES, H, dtype=torch.float64, backend=backend)
    with torch.no_grad():
        for k, parameter in enumerate(layer.parameters()):
            index = torch.arange(parameter.numel(), dtype=torch.float64)
            parameter.copy_((index + k + 1).sin().view_as(parameter))
    x = torch.arange(T * B * FEATURES, dtype=torch.float64).cos().view(T, B, FEATURES)
    return layer(x)[0].detach().flatten(1)


@pytest.mark.parametrize("backend", ["auto", "reference"])
@pytest.mark.parametrize("cell", BUILTIN)
def test_golden(cell: str, backend: str) -> None:
    expected = torch.tensor(GOLDEN[cell], dtype=torch.float64)
    torch.testing.assert_close(golden_output(cell, backend), expected, rtol=1e-11, atol=1e-12)


def test_nothing_is_missing() -> None:
    assert set(GOLDEN) == set(BUILTIN)
