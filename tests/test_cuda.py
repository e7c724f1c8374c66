"""On a GPU: layers as the float64 reference on the CPU, and training, looking and saving."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

import elman
from elman.bench import memory
from elman.cells import BUILTIN
from elman.tasks import Classify, Forecast, Language, Speech
from elman.train import Step, TrainSettings, fit

LENGTHS = torch.tensor([7, 4, 1])
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "stacked, both ways": {"num_layers": 2, "bidirectional": True},
    "learnt start": {"learn_initial_state": True, "batch_first": True},
    "no bias": {"bias": False},
    "normalised": {"layer_norm": True, "residual": True, "num_layers": 2},
}


def parts(state: Any) -> tuple[Tensor, ...]:
    return (state,) if isinstance(state, Tensor) else tuple(state)


def outcome(layer: Any, x: Tensor, **options: Any) -> dict[str, Tensor]:
    """All that a layer returns, and the gradients of a loss of it, on the CPU."""
    layer.zero_grad()
    x = x.clone().requires_grad_()
    output, state, *states = layer(x, **options)
    found = [output, *parts(state), *(each for some in states for each in parts(some))]
    ramps = [torch.arange(each.numel(), device=x.device).view(each.shape) for each in found]
    pairs = zip(found, ramps, strict=True)
    sum((each * ramp.to(each.dtype).cos()).sum() for each, ramp in pairs).backward()
    gradients = {name: p.grad for name, p in layer.named_parameters()}
    named = {f"result {i}": each for i, each in enumerate(found)} | gradients | {"x": x.grad}
    return {name: each.detach().cpu() for name, each in named.items() if each is not None}


@pytest.mark.parametrize("given", ["whole", "lengths", "resets", "states"])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("cell", BUILTIN)
def test_layers_are_the_reference(cell: str, options: str, given: str, gpu: torch.device) -> None:
    torch.manual_seed(0)
    keywords = OPTIONS[options]
    layer = elman.layer(cell, 3, 5, dtype=torch.float64, backend="reference", **keywords)
    theirs = elman.layer(cell, 3, 5, dtype=torch.float64, **keywords).to(gpu)
    theirs.load_state_dict(layer.state_dict())
    shape = (3, 7) if layer.batch_first else (7, 3)
    x = torch.randn(*shape, 3, dtype=torch.float64)
    extras: dict[str, Any] = {
        "whole": {},
        "lengths": {"lengths": LENGTHS},
        "resets": {"resets": torch.rand(shape) < 0.3, "lengths": LENGTHS},
        "states": {"return_states": True},
    }[given]
    moved = {k: v.to(gpu) if isinstance(v, Tensor) else v for k, v in extras.items()}
    for _ in range(2):  # the second time the weights lie as cuDNN wants them
        assert_close(outcome(theirs, x.to(gpu), **moved), outcome(layer, x, **extras))


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "peephole_lstm"])
def test_a_step_is_a_step_of_the_sequence(cell: str, gpu: torch.device) -> None:
    layer = elman.layer(cell, 3, 5, num_layers=2, device=gpu)
    x = torch.randn(6, 2, 3, device=gpu)
    state, outputs = None, []
    with torch.no_grad():
        for x_t in x:
            output, state = layer.step(x_t, state)
            outputs.append(output)
        assert_close(torch.stack(outputs), layer(x)[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("options", [{}, {"weight_dropout": 0.3}])
def test_weights_are_the_same_parameters_after_a_call(
    options: dict[str, float], gpu: torch.device
) -> None:
    layer = elman.LSTM(3, 5, **options).to(gpu)
    before = {name: (id(p), p.detach().clone()) for name, p in layer.named_parameters()}
    twin = copy.deepcopy(layer)
    for lengths in (None, torch.tensor([4, 2], device=gpu), None):
        layer(torch.randn(4, 2, 3, device=gpu), lengths=lengths)[0].sum().backward()
    for name, p in layer.named_parameters():
        assert (id(p), True) == (before[name][0], torch.equal(p, before[name][1]))
        assert p.grad is not None
    twin.load_state_dict(layer.state_dict())
    layer.cpu()
    assert layer.weight_hh_l0.device.type == "cpu"


def test_two_layers_may_share_their_weights(gpu: torch.device) -> None:
    torch.manual_seed(0)
    one, other = elman.GRU(4, 4).double(), elman.GRU(4, 4).double()
    other.weight_hh_l0 = one.weight_hh_l0
    both = nn.ModuleList([one, other])
    x = torch.randn(5, 2, 4, dtype=torch.float64)

    def gradient(model: Any, x: Tensor) -> Tensor:
        model.zero_grad()
        model[1](model[0](x)[0])[0].square().sum().backward()
        found: Tensor = model[0].weight_hh_l0.grad
        return found.to("cpu", copy=True)

    expected = gradient(both, x)
    both.to(gpu)
    for _ in range(2):
        assert_close(gradient(both, x.to(gpu)), expected)


@pytest.mark.parametrize("make", [nn.LSTM, nn.GRU, elman.LSTM, elman.GRU])
def test_diagnosis_is_that_of_the_cpu(make: Any, gpu: torch.device) -> None:
    torch.manual_seed(0)
    layer = make(3, 8, num_layers=2, dtype=torch.float64)
    x = torch.randn(40, 4, 3, dtype=torch.float64)
    expected = elman.diagnose(layer, x)
    found = elman.diagnose(layer.to(gpu), x.to(gpu))
    assert found.memory == pytest.approx(expected.memory, rel=1e-6)
    for ours, theirs in zip(found.layers, expected.layers, strict=True):
        np.testing.assert_allclose(ours.gradient.norms, theirs.gradient.norms, rtol=1e-6)
        assert len(ours.gates) == len(theirs.gates)


class _Noise:
    def __len__(self) -> int:
        return 12

    def epoch(self, e: int, start: int = 0) -> Any:
        for i in range(start, 12):
            yield torch.randn(30, 8, 3, generator=torch.Generator().manual_seed(i))


def test_training_is_watched(gpu: torch.device, tmp_path: Path) -> None:
    model = nn.ModuleDict({"recur": elman.LSTM(3, 8), "head": nn.Linear(8, 3)})

    def loss(model: Any, x: Tensor, state: Any) -> Step:
        error = (model["head"](model["recur"](x)[0])[1:] - x[:-1]).square().mean()
        return Step(error, x.numel(), state)

    settings = TrainSettings(epochs=2, monitor="gradients", monitor_every=5)
    result = fit(model, _Noise(), loss, settings=settings, folder=tmp_path, progress=False)
    assert model["head"].weight.device.type == gpu.type
    assert [entry["step"] for entry in result.gradients] == [1, 5, 10, 15, 20]
    more = TrainSettings(epochs=2, monitor="gradients", monitor_every=5)
    again = fit(model, _Noise(), loss, settings=more, folder=tmp_path, resume=True, progress=False)
    assert again.step == 24


def test_the_laboratory(gpu: torch.device) -> None:
    outcome = memory.run("gru", "recall", 5, hidden_size=16, steps=150, lr=0.02)
    assert outcome.score > 0.9
    assert outcome.memory == 6


@pytest.fixture
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def on_the_cpu(task: Any, folder: Path) -> Any:
    """The same model, saved and loaded, on the CPU."""
    task.save(folder)
    loaded = elman.load(folder)
    loaded.model.cpu()
    return loaded


@pytest.mark.usefixtures("_own_cache")
def test_a_classifier(gpu: torch.device, tmp_path: Path) -> None:
    texts = ["good film", "fine film tonight", "bad film", "poor film last night"] * 6
    labels = ["+", "+", "-", "-"] * 6
    task = Classify(hidden_size=6, embedding_size=6, epochs=12, lr=0.05, batch_size=8)
    task.fit((texts, labels), (texts, labels), progress=False)
    assert task.device.type == gpu.type
    assert task.evaluate((texts, labels))["accuracy"] == 1
    other = on_the_cpu(task, tmp_path / "model")
    ours, theirs = (each.predict_proba(texts) for each in (task, other))
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


@pytest.mark.usefixtures("_own_cache")
def test_a_writer(gpu: torch.device, tmp_path: Path) -> None:
    text = "the cat sat on the mat. " * 40
    task = Language(
        hidden_size=16, embedding_size=8, epochs=20, lr=0.03, batch_size=4, chunk_length=25
    ).fit([text], [text], progress=False)
    assert task.device.type == gpu.type
    other = on_the_cpu(task, tmp_path / "model")
    assert task.evaluate([text])["loss"] == pytest.approx(other.evaluate([text])["loss"], abs=1e-3)
    asked = {"length": 30, "temperature": 0}
    assert "".join(task.generate("the ", **asked)) == "".join(other.generate("the ", **asked))


@pytest.mark.filterwarnings("ignore:on the held-out steps")
@pytest.mark.parametrize(
    "form",
    [{}, {"head": "student_t"}, {"smoothing": True, "attention": True, "dilations": (1, 3)}],
)
def test_a_forecaster(form: dict[str, Any], gpu: torch.device, tmp_path: Path) -> None:
    days = np.arange("2023-01-01", "2023-08-01", dtype="datetime64[D]")
    y = 10 + 3 * np.sin(2 * np.pi * np.arange(len(days)) / 7)
    frame = pd.DataFrame({"ds": days, "y": y + np.random.default_rng(0).normal(0, 0.3, len(y))})
    task = Forecast(horizon=7, hidden_size=8, max_steps=200, **form).fit(frame, progress=False)
    assert task.device.type == gpu.type
    other = on_the_cpu(task, tmp_path / "model")
    ours, theirs = (each.forecasts(frame).quantiles for each in (task, other))
    assert np.isfinite(ours).all()
    np.testing.assert_allclose(ours, theirs, rtol=0.02, atol=0.1)


def test_speech(gpu: torch.device, tmp_path: Path) -> None:
    rate, random = 8000, np.random.default_rng(0)
    tones = {"a": 500, "b": 1200, "c": 2400}

    def say(text: str) -> elman.data.Audio:
        sound = [np.zeros(400)]
        for letter in text:
            sound += [np.sin(2 * np.pi * tones[letter] * np.arange(800) / rate), np.zeros(400)]
        whole = np.concatenate([*sound, np.zeros(800)])
        noise = 0.01 * random.standard_normal(len(whole))
        return elman.data.Audio((whole / 2 + noise).astype(np.float32), rate)

    pairs = [(say(text), text) for text in ("ab", "ba", "abc", "cab", "bc") * 6]
    task = Speech(
        hidden_size=32,
        num_layers=1,
        epochs=25,
        lr=0.02,
        batch_size=4,
        bins=20,
        bidirectional=False,
    )
    task.fit(pairs, pairs[:5], progress=False)
    assert task.device.type == gpu.type
    other = on_the_cpu(task, tmp_path / "model")
    sounds = [sound for sound, _ in pairs[:5]]
    assert task.predict(sounds) == other.predict(sounds)
