"""Convolutional layers diagnosed: the same numbers as by differentiating the layer itself."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.testing import assert_close

import elman
from elman.diagnose.gradient import follow
from elman.diagnose.trajectory import run
from elman.errors import SettingsError


def make(cell: str, **options: Any) -> elman.nn.ConvRecurrent:
    torch.manual_seed(0)
    layer = elman.conv_layer(cell, 2, 3, dtype=torch.float64, **options)
    for name, parameter in layer.named_parameters():
        if name.startswith("norm_"):
            nn.init.uniform_(parameter, 0.5, 1.5)
    return layer


@pytest.mark.parametrize("options", [{}, {"stride": 2, "zoneout": 0.2}, {"layer_norm": True}])
@pytest.mark.parametrize("cell", ["lstm", "gru", "peephole_lstm"])
def test_gradient_by_each_state(cell: str, options: Any) -> None:
    layer = make(cell, **options).eval()
    x, lengths = torch.randn(5, 2, 2, 4, 3, dtype=torch.float64), torch.tensor([5, 3])
    output = layer(x, lengths=lengths)[0]
    g = torch.randn(output.shape, dtype=torch.float64)
    (track,) = run(layer, x, lengths=lengths, output_gradient=g)
    norms, _, _ = follow(track)
    for at in range(5):
        state: Any = layer(x[: at + 1], lengths=lengths.clamp(max=at + 1))[1]
        parts = [part.detach().requires_grad_() for part in elman.nn.state.as_tuple(state)]
        value = (parts[0][0] * g[at]).sum()  # the output of this step is its state h
        if at < 4:
            rest = (lengths - at - 1).clamp(min=0)
            given: Any = parts[0] if len(parts) == 1 else tuple(parts)
            value = value + (layer(x[at + 1 :], given, lengths=rest)[0] * g[at + 1 :]).sum()
        found = torch.autograd.grad(value, parts, allow_unused=True)
        squares = sum(part.square().sum((0, 2, 3, 4)) for part in found if part is not None)
        real = lengths > at
        assert_close(norms[at][real], squares.sqrt()[real], rtol=1e-8, atol=1e-12)


def test_report_of_a_model_with_stacked_layers() -> None:
    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.maps = elman.conv_layer("gru", 1, 2, num_layers=2, batch_first=True)
            self.head = nn.Linear(2, 3)

        def forward(self, x: torch.Tensor) -> Any:
            return self.head(self.maps(x)[0][:, -1].mean((-1, -2)))

    torch.manual_seed(0)
    found = elman.diagnose(Classifier(), (torch.randn(4, 9, 1, 5, 4), torch.tensor([0, 1, 2, 0])))
    assert [layer.name for layer in found.layers] == ["maps, layer 0", "maps, layer 1"]
    assert [layer.hidden_size for layer in found.layers] == [40, 40]
    assert found.layers[1].gradient.lags[0] == 1
    assert len(found.layers[1].gradient.norms) == 9


@pytest.mark.parametrize(
    ("options", "size", "message"),
    [
        ({"group_norm": 3}, 4, "group_norm cannot be"),
        ({}, 40, "too many to diagnose: at most 2048"),
    ],
)
def test_what_cannot_be_diagnosed(options: Any, size: int, message: str) -> None:
    layer = elman.conv_layer("lstm", 2, 3, **options)
    with pytest.raises(SettingsError, match=message):
        elman.diagnose(layer, torch.randn(3, 1, 2, size, size))
