"""The report object: every kind of model and batch, its forms, and one-line errors."""

import io
import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from rich.console import Console
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

import elman
from elman.cells import BUILTIN
from elman.diagnose.report import Diagnosis, diagnose
from elman.diagnose.watch import watched
from elman.errors import SettingsError
from elman.train import Step

T, B, F, H = 24, 4, 3, 6


@pytest.mark.parametrize("cell", BUILTIN)
def test_every_cell_can_be_looked_into(cell: str) -> None:
    found = elman.diagnose(elman.layer(cell, F, H, num_layers=2), torch.randn(T, B, F))
    assert isinstance(found, Diagnosis)
    assert [layer.length for layer in found.layers] == [T, T]
    assert all(len(layer.gradient.lags) == T for layer in found.layers)
    assert json.loads(found.to_json())["layers"][0]["hidden_size"] == H


class Own(elman.Cell):
    """A cell that the compiler cannot read: no gates are known of it, all else is."""

    gates = ("h",)

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        return {"h": torch.lerp(s.h, torch.tanh(x.h + r.h), 0.5)}


def test_a_cell_that_cannot_be_traced() -> None:
    (layer,) = diagnose(elman.layer(Own, F, H), torch.randn(T, B, F)).layers
    assert layer.gates == []
    assert layer.states[0].half_life == pytest.approx(np.ones(H))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (lambda: nn.LSTM(F, H, 2, batch_first=True), lambda: elman.LSTM(F, H, 2, batch_first=True)),
        (lambda: nn.GRU(F, H, bidirectional=True), lambda: elman.GRU(F, H, bidirectional=True)),
        (lambda: nn.RNN(F, H, nonlinearity="relu"), lambda: elman.RNN(F, H, nonlinearity="relu")),
        (lambda: nn.LSTM(F, H, proj_size=2), lambda: elman.LSTM(F, H, proj_size=2)),
    ],
)
def test_layers_of_torch_as_our_own(theirs: Any, ours: Any) -> None:
    torch.manual_seed(0)
    one, other = theirs().double(), ours().double()
    other.load_state_dict(one.state_dict())
    x = torch.randn(T, T, F, dtype=torch.float64)  # as long as it is wide: either order will do
    left, right = diagnose(one, x), diagnose(other, x)
    for a, b in zip(left.layers, right.layers, strict=True):
        np.testing.assert_allclose(a.gradient.norms, b.gradient.norms, rtol=1e-6)
        np.testing.assert_allclose(a.gradient.lags, b.gradient.lags, rtol=1e-6)


def test_nothing_of_the_model_is_changed() -> None:
    torch.manual_seed(0)
    net = nn.ModuleDict({"r": elman.LSTM(F, H, 2, dropout=0.5), "h": nn.Linear(H, 2)}).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}

    def loss(model: Any, x: Tensor) -> Tensor:
        assert not model.r.training
        value: Tensor = model.h(model.r(x)[0]).square().mean()
        return value

    x = torch.randn(T, B, F)
    first, second = diagnose(net, x, loss=loss), diagnose(net, x, loss=loss)
    assert all(module.training for module in net.modules())
    assert all(p.grad is None for p in net.parameters())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert first.to_json() == second.to_json()
    assert net["r"]._run.__func__ is elman.nn.Recurrent._run
    assert first.parameters["h.weight"] > 0


def test_frozen_weights_and_packed_and_ragged_inputs() -> None:
    torch.manual_seed(0)
    layer = elman.GRU(F, H)
    x, lengths = torch.randn(T, 3, F), torch.tensor([T, 9, 4])
    packed = pack_padded_sequence(x, lengths)
    ragged = elman.Ragged.from_padded(x, lengths)
    expected = diagnose(layer, x, loss=lambda m, x: m(x, lengths=lengths)[1].sum())
    for given in (packed, ragged):
        found = diagnose(layer, given, loss=lambda m, x: m(x)[1].sum())
        np.testing.assert_allclose(
            found.layers[0].gradient.norms, expected.layers[0].gradient.norms, rtol=1e-5
        )
    head = nn.Linear(H, 1)
    for parameter in layer.parameters():
        parameter.requires_grad_(False)
    net = nn.Sequential()
    net.add_module("r", layer)
    net.add_module("h", head)
    found = diagnose(net, packed, loss=lambda m, x: m.h(m.r(x)[0].data).sum())
    assert found.layers[0].entering > 0


def test_a_network_that_goes_step_by_step_is_followed_through_all_of_them() -> None:
    torch.manual_seed(0)
    layer = elman.LSTM(F, H, dtype=torch.float64)
    x = torch.randn(T, B, F, dtype=torch.float64)

    def stepwise(model: Any, x: Tensor) -> Tensor:
        state = None
        outputs = []
        for x_t in x:
            output, state = model.step(x_t, state)
            outputs.append(output)
        return torch.stack(outputs).square().sum()

    whole = diagnose(layer, x, loss=lambda m, x: m(x)[0].square().sum())
    steps = diagnose(layer, x, loss=stepwise)
    np.testing.assert_allclose(
        steps.layers[0].gradient.norms, whole.layers[0].gradient.norms, rtol=1e-9
    )


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("form", ["batch", "batch first", "single", "frozen", "chunks"])
def test_a_loss_of_the_states_of_every_step_is_followed(cell: str, form: str) -> None:
    """As the same loss of the outputs, of which h is the very same."""
    torch.manual_seed(0)
    first = form == "batch first"
    net = nn.ModuleDict({"r": elman.layer(cell, F, H, batch_first=first, dtype=torch.float64)})
    for parameter in net.parameters():
        parameter.requires_grad_(form != "frozen")
    x = torch.randn(*((B, T) if first else (T,) if form == "single" else (T, B)), F).double()
    weight = torch.rand(T, B, H, dtype=torch.float64)
    weight = weight[:, 0] if form == "single" else weight

    def of_states(model: Any, x: Tensor) -> Tensor:
        state, total, at = None, x.new_zeros(()), 0
        for part in x.split(7) if form == "chunks" else [x]:
            _, state, states = model.r(part, state, return_states=True)
            h = (states[0] if cell == "lstm" else states)[:, 0]
            total, at = total + (h.square() * weight[at : at + len(h)]).sum(), at + len(h)
        return total

    def of_output(model: Any, x: Tensor) -> Tensor:
        output = model.r(x)[0]
        return ((output.transpose(0, 1) if first else output).square() * weight).sum()

    found, expected = (diagnose(net, x, loss=loss) for loss in (of_states, of_output))
    assert float(expected.layers[0].gradient.norms[0]) > 0
    for name in ("norms", "lags"):
        one, other = (getattr(each.layers[0].gradient, name) for each in (found, expected))
        np.testing.assert_allclose(one, other, rtol=1e-9)
    cuts = [[cut.error for cut in each.truncation["r"]] for each in (found, expected)]
    assert cuts[0] == pytest.approx(cuts[1])


def test_losses_of_every_kind() -> None:
    net = nn.Sequential(elman.RNN(F, H))

    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.r, self.h = elman.RNN(F, H), nn.Linear(H, 2)

        def forward(self, x: Tensor) -> Tensor:
            output: Tensor = self.h(self.r(x)[0])
            return output

    head, x = Head(), torch.randn(T, B, F)
    classes, values = torch.randint(0, 2, (T, B)), torch.randn(T, B, 2)
    of_fit = lambda m, b, state: Step(m(b).square().mean(), 1)  # noqa: E731
    for batch, loss in (((x, classes), None), ((x, values), None), (x, None), (x, of_fit)):
        assert math.isfinite(diagnose(head, batch, loss=loss).memory)
    assert diagnose(head, [(x, classes), (x[:9], classes[:9])]).sequences == 2 * B
    assert len(diagnose(net, x).layers) == 1


BAD: dict[str, tuple[Any, Any, dict[str, Any], str]] = {
    "no layer": (nn.Linear(F, 2), torch.randn(T, B, F), {}, "Linear has no recurrent layer"),
    "no batch": (elman.GRU(F, H), None, {}, "batch is missing"),
    "no model": ("gru", None, {}, "model must be a torch module or a trained task, got str"),
    "no scalar": (
        *(elman.GRU(F, H), torch.randn(T, B, F)),
        {"loss": lambda m, x: m(x)[0]},
        r"loss must return a scalar tensor or a Step, got a tensor of shape \(24, 4, 6\)",
    ),
    "no gradient": (
        *(elman.GRU(F, H), torch.randn(T, B, F)),
        {"loss": lambda m, x: m(x)[0].detach().sum()},
        "does not depend on the model",
    ),
    "not run": (
        *(elman.GRU(F, H), torch.randn(T, B, F)),
        {"loss": lambda m, x: m.weight_hh_l0.sum()},
        "ran none of the model's recurrent layers",
    ),
    "targets": (
        elman.GRU(F, H),
        (torch.randn(T, B, F), torch.zeros(T, dtype=torch.int64)),
        {},
        r"targets of shape \(24,\) do not fit the output of shape \(24, 4, 6\)",
    ),
    "sequences": (elman.GRU(F, H), torch.randn(T, B, F), {"sequences": 0}, "1 or more, got 0"),
}


@pytest.mark.parametrize(("model", "batch", "options", "message"), BAD.values(), ids=BAD)
def test_bad_input_says_what_is_wrong(
    model: Any, batch: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        diagnose(model, batch, **options)


def test_watching_changes_no_number() -> None:
    torch.manual_seed(0)
    layer, x = nn.LSTM(F, H, 2, dropout=0.5), torch.randn(T, B, F)
    results = []
    for watch in (False, True):
        torch.manual_seed(1)
        layer.zero_grad()
        if watch:
            with watched(layer):
                layer(x)[0].square().sum().backward()
        else:
            layer(x)[0].square().sum().backward()
        results.append([p.grad.clone() for p in layer.parameters() if p.grad is not None])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_forms_of_a_report(tmp_path: Any) -> None:
    torch.manual_seed(0)
    history = [{"step": 1, "layers": {"LSTM": {"rate": 0.5, "memory": 7.0}}, "warnings": ["w"]}]
    found = diagnose(elman.LSTM(F, H), torch.randn(T, B, F), history=history)
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(found.summary())
    text = console.export_text()
    for words in ("your memory is", "half-life", "relative error"):
        assert words in text
    assert isinstance(found.plot(), Figure)
    assert len(found.plot().axes) == 5
    plain = found.to_dict()
    assert plain["memory"] == found.memory
    assert json.loads(found.to_json()) == json.loads(json.dumps(plain))
    page = found.to_html(tmp_path / "page.html").read_text("utf-8")
    assert "During training" in page
    assert "no problem found" in str(found)
