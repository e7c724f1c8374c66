"""What `elman.export` writes, refuses and leaves as it was."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from torch import Tensor, nn

import elman
from elman.errors import ElmanError, ExportError, FileError
from elman.export import parity, targets
from elman.export.cases import cases
from elman.export.targets import Options, Target
from elman.export.to_onnx.target import build
from elman.nn.graph import Graph
from elman.tasks import Classify
from elman.tasks.model import SequenceModel

TEXTS = (["good film", "a fine film", "bad film", "poor film"] * 5, ["+", "+", "-", "-"] * 5)


@pytest.fixture(scope="module")
def task() -> Classify:
    task = Classify(
        hidden_size=6, embedding_size=4, epochs=3, bidirectional=False, ngram_model=False
    )
    return task.fit(TEXTS, progress=False)


def test_a_layer(tmp_path: Path) -> None:
    layer = elman.LSTM(2, 3).train()
    done = elman.export(layer, tmp_path / "out")
    assert layer.training
    assert [path.name for path in done.files] == ["sequence.onnx", "step.onnx", "preprocess.json"]
    assert [each.graph for each in done.checked] == ["sequence", "step", "steps"]
    assert all(each.error < 1e-5 for each in done.checked)
    about = json.loads((tmp_path / "out/preprocess.json").read_text())
    assert about["elman"] == elman.__version__
    assert str(done).splitlines()[-3:] == about["parity"]
    model = onnx.load(tmp_path / "out/step.onnx")
    props = {each.key: each.value for each in model.metadata_props}
    assert props["parity"].splitlines() == about["parity"]


def test_one_form_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "gru.onnx"
    done = elman.export(elman.GRU(2, 3), path, form="step")
    assert [each.name for each in done.files] == ["gru.onnx", "gru.preprocess.json"]
    with pytest.raises(ExportError, match=r"gru.onnx holds one graph.*sequence and step"):
        elman.export(elman.GRU(2, 3), path)


def test_a_model_of_ones_own(tmp_path: Path) -> None:
    head = nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 2))

    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = head

        def forward(self, output: Tensor, lengths: Tensor | None = None) -> Tensor:
            return self.layers(output)

        def to_graph(self, graph: Graph, output: Any, lengths: Any = None) -> Any:
            from elman.nn.graph_modules import describe

            return describe(graph, self.layers, output)

    encoder = nn.Sequential(nn.Embedding(9, 3), nn.Linear(3, 3), nn.Tanh())
    model = SequenceModel(encoder, elman.layer("mgu", 3, 4, num_layers=2), Head())
    done = elman.export(model, tmp_path)
    assert len(done.checked) == 3
    model = SequenceModel(nn.Bilinear(2, 2, 2), elman.GRU(2, 3), Head())
    with pytest.raises(ExportError, match="the encoder Bilinear cannot be exported"):
        elman.export(model, tmp_path)


Files = Mapping[str, bytes]


class Wrong:
    """ONNX models whose outputs are a little off."""

    unchecked = None
    notes = ()
    has_padding = True

    def __init__(self, graphs: Mapping[str, Graph], change: Callable[[Tensor], Tensor]) -> None:
        self.right = build(graphs, Options())
        self.runs = {name: self._changed(run, change) for name, run in self.right.runs.items()}

    def _changed(self, run: Any, change: Callable[[Tensor], Tensor]) -> Any:
        return lambda inputs: {name: change(value) for name, value in run(inputs).items()}

    def files(self, about: Mapping[str, str]) -> Files:
        return self.right.files(about)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: y * (1 + 1e-4), r"differs from the model's by 1\.0e-04"),
        (lambda y: y.where(y > -9, float("nan")) * float("nan"), "by inf"),
        (lambda y: y[..., :1], "has shape"),
    ],
)
def test_what_differs_is_not_written(
    change: Any, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(graphs: Mapping[str, Graph], options: Options) -> Wrong:
        return Wrong(graphs, change)

    monkeypatch.setattr(Target, "load", lambda _: wrong)
    with pytest.raises(ExportError, match=message):
        elman.export(elman.GRU(2, 3), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_step_that_forgets_is_found(tmp_path: Path) -> None:
    """Each step is right from the states given, but the new state is not handed on."""
    spec = elman.GRU(2, 3).export_spec()
    runs = dict(build(spec.graphs, Options()).runs)
    step = runs["step"]
    assert parity.check(spec, ["step"], runs)
    runs["step"] = lambda inputs: {**step(inputs), "new_h": inputs["h"]}
    native = {**spec.native, "step": runs["step"]}
    with pytest.raises(ExportError, match="steps: y differs"):
        parity.check(replace(spec, native=native), ["step"], runs)


def test_outputs_on_padding_are_compared_where_there_are_some() -> None:
    spec = elman.GRU(2, 3).export_spec()
    run = build(spec.graphs, Options()).runs["sequence"]

    def wrong(inputs: Any) -> Any:
        found = run(inputs)
        beyond = torch.arange(len(inputs["x"]))[:, None] >= inputs["lengths"]
        return {**found, "y": found["y"] + 0.1 * beyond[..., None]}

    assert parity.check(spec, ["sequence"], {"sequence": run}, padding=True)
    assert parity.check(spec, ["sequence"], {"sequence": wrong})
    with pytest.raises(ExportError, match="sequence: y differs"):
        parity.check(spec, ["sequence"], {"sequence": wrong}, padding=True)


def test_a_chaotic_network_has_the_limit_of_float32(tmp_path: Path) -> None:
    torch.manual_seed(1)
    layer = elman.RNN(2, 24)
    with torch.no_grad():
        layer.weight_hh_l0.normal_(0, 0.8)
    done = elman.export(layer, tmp_path)
    worst = max(done.checked, key=lambda each: each.limit)
    assert 1e-5 < worst.error < worst.limit
    assert "50" in worst.where


def test_metadata_and_preprocessing_of_a_task(task: Classify, tmp_path: Path) -> None:
    done = elman.export(task, tmp_path, data=TEXTS)
    assert "batch" in " ".join(map(str, done.checked)) or done.checked[0].cases == 6
    about = json.loads((tmp_path / "preprocess.json").read_text())
    assert about["labels"] == task.labels
    assert about["text"]["tokens"] == task.vocabulary.words  # type: ignore[union-attr]
    props = {p.key: p.value for p in onnx.load(tmp_path / "sequence.onnx").metadata_props}
    assert props["labels"].split("\n") == task.labels
    assert props["task"] == "classify"


def test_int8_is_judged_by_the_metric(task: Classify, tmp_path: Path) -> None:
    done = elman.export(task, tmp_path, int8=True, data=TEXTS, max_loss=0.5)
    assert done.notes[0].startswith(f"int8: {task.objective.name} ")
    assert "int8:" in (tmp_path / "preprocess.json").read_text()
    done = elman.export(task, tmp_path, int8=True)
    assert "no metric was compared: no validation data was given" in done.notes[0]


def test_int8_that_is_worse_is_refused(
    task: Classify, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = task.export_spec()
    losses = iter([0.5, 0.6])
    worse = replace(
        spec, metrics=lambda runs, data: {"loss": next(losses)}, objective=("loss", False)
    )
    monkeypatch.setattr(task, "export_spec", lambda: worse)
    with pytest.raises(
        ExportError, match=r"loss 0.5000 -> 0.6000, 20.00% worse: more than the 0.5%"
    ):
        elman.export(task, tmp_path, int8=True, data=TEXTS)
    assert list(tmp_path.iterdir()) == []


def test_files_of_others_stay(task: Classify, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    elman.export(task, tmp_path)
    elman.export(task, tmp_path)  # over its own
    (tmp_path / "step.onnx").write_text("mine")
    with pytest.raises(FileError, match=r"step.onnx would be overwritten"):
        elman.export(task, tmp_path)
    assert (tmp_path / "notes.txt").read_text() == (tmp_path / "step.onnx").read_text() == "mine"
    other = tmp_path / "other"
    other.mkdir()
    (other / "preprocess.json").write_text("{}")
    with pytest.raises(FileError, match=r"preprocess.json would be overwritten"):
        elman.export(task, other)


def test_a_package_that_is_missing_is_named(
    task: Classify, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr(
        "elman.export.to_onnx.target.find_spec", lambda name: None if name == "onnxruntime" else 1
    )
    with pytest.raises(
        ExportError, match=r"onnxruntime is not installed: pip install 'elman\[export\]'"
    ):
        elman.export(task, tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"to": "tflite"}, "to='tflite': the targets are .*onnx"),
        ({"to": None}, "to=None: the targets are"),
        ({"form": "whole"}, "form='whole': it is sequence or step"),
        ({"target": "aarch64"}, "ONNX is the same for all machines"),
        ({"max_loss": -1}, "max_loss=-1: a share"),
        ({"path": ""}, "path='': a path is needed"),
        ({"path": "/proc/nothing"}, "cannot be written"),
    ],
)
def test_bad_arguments(
    options: dict[str, Any], message: str, task: Classify, tmp_path: Path
) -> None:
    given = {"path": tmp_path / "out", **options}
    with pytest.raises(ElmanError, match=message) as found:
        elman.export(task, given.pop("path"), **given)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (3, "model is a int: a trained task"),
        (nn.Linear(2, 2), "Linear cannot be exported: it has no export_spec"),
        (Classify(), "is not trained"),
        (elman.GRU(2, 3, bidirectional=True), "backward half needs the future"),
    ],
)
def test_models_that_cannot_be_exported(model: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ElmanError, match=message):
        elman.export(model, tmp_path, form="step")


class Normalised(elman.Cell):
    """Its second state is never below 0."""

    gates = ("h",)
    state = ("h", "n")

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        n = 0.9 * s.n + elman.math.exp(x.h)
        return {"h": elman.math.tanh(x.h + r.h) * elman.math.sqrt(s.n) / n, "n": n}


@pytest.mark.parametrize("form", ["sequence", "step"])
def test_states_are_those_that_the_model_reaches(form: str, tmp_path: Path) -> None:
    done = elman.export(elman.layer(Normalised, 2, 3), tmp_path, form=form)
    assert all(each.limit == 1e-5 for each in done.checked)
    spec = elman.layer(Normalised, 2, 3).export_spec()
    later = [inputs["n"] for case, inputs in cases(spec, form) if "later" in case]
    assert later
    assert all(bool((each > 0).all()) for each in later)


def with_weight(value: float, dtype: torch.dtype = torch.float32) -> nn.Module:
    layer = elman.GRU(2, 3)
    with torch.no_grad():
        layer.weight_hh_l0[0, 0] = value
    return layer.to(dtype)


class Logarithm(elman.Cell):
    gates = ("h",)

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        return {"h": elman.math.log(x.h) + r.h}


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (with_weight(float("nan")), "weight_hh_l0 holds NaN or infinity"),
        (with_weight(1.0, torch.float64), r"weight_ih_l0 is float64: .* export model.float\(\)"),
        (with_weight(1.0, torch.bfloat16), "weight_ih_l0 is bfloat16"),
        (elman.layer(Logarithm, 2, 3), "gives NaN or infinity for finite inputs"),
    ],
)
def test_models_without_numbers(model: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=message):
        elman.export(model, tmp_path / "out")
    assert not list(tmp_path.glob("out/*"))


def test_each_target_is_there() -> None:
    for name in targets.TARGETS:
        assert callable(targets.named(name).load())
