import numpy as np
import pytest
import torch

import elman
from elman.diagnose import jacobian
from elman.diagnose.jacobian import leading, spectra, spectral_radii
from elman.diagnose.linear import Steps
from elman.diagnose.trajectory import run


def steps_of(layer: elman.nn.Recurrent, length: int = 12, batch: int = 2) -> Steps:
    x = torch.randn(length, batch, layer.input_size, dtype=torch.float64)
    return Steps(run(layer, x)[0])


def product(steps: Steps, lag: int) -> torch.Tensor:
    whole = torch.eye(steps.size, dtype=torch.float64).expand(steps.batch, -1, -1)
    for t in range(steps.length - lag, steps.length):
        whole = steps.dense(t) @ whole
    return whole


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "peephole_lstm"])
def test_spectra_are_those_of_the_products(cell: str) -> None:
    torch.manual_seed(0)
    steps = steps_of(elman.layer(cell, 3, 6, init="orthogonal", dtype=torch.float64))
    found = spectra(steps)
    assert found.lags == [1, 2, 4, 8, 12]
    for lag, values in zip(found.lags, found.products, strict=True):
        expected = torch.linalg.svdvals(product(steps, lag)).log().mean(0).exp()
        kept = expected > 1e-9 * expected[0]
        np.testing.assert_allclose(values[kept], expected[kept], rtol=1e-6)
    largest = torch.linalg.svdvals(steps.dense(0))[:, 0].log().mean().exp()
    assert found.steps[0, 0] == pytest.approx(float(largest))
    assert found.at == list(range(12))


def test_random_projections_find_the_leading_values(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    layer = elman.GRU(3, 48, init="orthogonal", dtype=torch.float64)
    steps = steps_of(layer)
    for lag in (1, 12):
        expected = torch.linalg.svdvals(product(steps, lag))[:, :4]
        torch.testing.assert_close(leading(steps, lag)[:, :4], expected, rtol=2e-2, atol=0)
    monkeypatch.setattr(jacobian, "LARGE", 40)
    found = spectra(steps)
    assert [len(values) for values in found.products] == [12] * 5
    assert found.steps.shape == (4, 0)


def test_spectral_radius_of_each_gate() -> None:
    layer = elman.GRU(2, 3, dtype=torch.float64)
    with torch.no_grad():
        blocks = [torch.diag(torch.tensor([a, 0.1, -a / 2])) for a in (0.5, 0.9, 1.5)]
        layer.weight_hh_l0.copy_(torch.cat(blocks))
    radii = spectral_radii(layer._weights(0), layer.cell.recurrent)
    assert radii == pytest.approx({"r": 0.5, "z": 0.9, "n": 1.5})
    assert spectral_radii(elman.layer("indrnn", 2, 3)._weights(0), ()) == {}
    assert spectral_radii(elman.LSTM(2, 4, proj_size=2)._weights(0), tuple("ifgo")) == {}
