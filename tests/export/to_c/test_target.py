"""`elman.export(..., to="c")`: what it writes, compares, and refuses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_tasks import SMALL

import elman
from elman.errors import ExportError
from elman.export.to_c import target
from elman.tasks import Classify, Translate

WORDS = (["good film", "a fine film", "bad film", "poor film"] * 4, ["+", "+", "-", "-"] * 4)
SOURCES = ("a", "b", "a b", "b a", "a a", "b b", "a a b", "b b a", "a b a", "b a b")
PAIRS = [(text, text.replace("a", "x").replace("b", "y")) for text in SOURCES]


@pytest.mark.usefixtures("cc")
def test_a_task_of_two_graphs(tmp_path: Path) -> None:
    task = Translate(**{**SMALL, "epochs": 1}).fit(PAIRS, progress=False)
    done = elman.export(task, tmp_path / "net.c", to="c")
    assert [each.graph for each in done.checked] == ["encode", "step"]
    written = [path.name for path in done.files]
    sources = [f"{source}.{ending}" for source in ("net", "net_encode") for ending in "ch"]
    assert sorted(written) == sorted([*sources, "net.preprocess.json"])
    header = (tmp_path / "net.h").read_text()
    assert "task: translate" in header
    assert "largest relative error" in " ".join(header.split())


@pytest.mark.usefixtures("cc")
def test_a_layer_in_a_folder(tmp_path: Path) -> None:
    done = elman.export(elman.GRU(2, 3), tmp_path / "out", to="c")
    assert [path.name for path in done.files] == ["model.c", "model.h", "preprocess.json"]
    assert "int model_step(void *state, const float *x, float *y)" in done.files[1].read_text()


@pytest.mark.usefixtures("cc")
def test_a_file_whose_name_is_none_in_c(tmp_path: Path) -> None:
    done = elman.export(elman.GRU(2, 3), tmp_path / "my-net.c", to="c", form="sequence")
    assert [path.name for path in done.files] == ["my_net.c", "my_net.h", "my-net.preprocess.json"]


@pytest.mark.usefixtures("cc")
def test_weights_apart(tmp_path: Path) -> None:
    done = elman.export(elman.GRU(2, 3), tmp_path, to="c", separate_weights=True)
    assert [path.suffix for path in done.files] == [".c", ".h", ".bin", ".json"]
    with pytest.raises(ExportError, match="ONNX models keep their weights inside"):
        elman.export(elman.GRU(2, 3), tmp_path / "x", separate_weights=True)


@pytest.mark.usefixtures("cc")
@pytest.mark.parametrize("form", [None, "sequence"])
def test_int8_is_judged_by_the_metric(form: str | None, tmp_path: Path) -> None:
    options = {"bidirectional": False, "ngram_model": False, "embedding_size": 4}
    task = Classify(**{**SMALL, **options}).fit(WORDS, progress=False)
    done = elman.export(task, tmp_path, to="c", form=form, int8=True, data=WORDS, max_loss=1.0)
    assert done.notes[0].startswith(f"int8: {task.objective.name} ")
    assert done.notes[0] in " ".join((tmp_path / "model.h").read_text().replace("\n *", "").split())


def test_without_a_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "compiler", lambda: None)
    done = elman.export(elman.GRU(2, 3), tmp_path, to="c")
    assert done.checked == ()
    assert done.notes[0].startswith("not compared with the model: no C compiler is here")
    assert "not compared with the model" in (tmp_path / "model.h").read_text()


def test_a_compiler_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "compiler", lambda: "false")
    with pytest.raises(ExportError, match="false does not compile the source"):
        elman.export(elman.GRU(2, 3), tmp_path, to="c")
    assert not list(tmp_path.iterdir())


def test_wrong_numbers_are_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(target.Native):
        def __call__(self, inputs: Any) -> Any:
            return {name: value + 1e-3 for name, value in super().__call__(inputs).items()}

    if target.compiler() is None:
        pytest.skip("no C compiler is here")
    monkeypatch.setattr(target, "Native", Wrong)
    with pytest.raises(ExportError, match="nothing is written"):
        elman.export(elman.GRU(2, 3), tmp_path, to="c")
    assert not list(tmp_path.iterdir())


class Drawn(elman.Cell):
    """Its step cannot be traced."""

    gates = ("h",)

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        return {"h": torch.erf(x.h + r.h)}


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (lambda: elman.GRU(1, 2), {"target": "cortex-m4"}, "C is the same for all machines"),
        (lambda: elman.GRU(1, 2, bidirectional=True), {"form": "step"}, "no step form"),
        (lambda: elman.LSTM(1, 3, proj_size=2, zoneout=0.1), {}, "zoneout of h with proj_size"),
        (lambda: elman.layer(Drawn(), 1, 2), {}, "Drawn cannot be exported"),
        (lambda: elman.GRU(1, 2), {"path": "net.onnx"}, "net.onnx ends in .onnx"),
    ],
)
def test_what_is_refused(model: Any, options: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / options.pop("path", "out")
    with pytest.raises(ExportError, match=message) as found:
        elman.export(model(), path, to="c", **options)
    assert "\n" not in str(found.value)
    assert not path.exists() or not list(path.iterdir())


def test_stepping_gives_what_a_sequence_gives() -> None:
    """How metrics of sequences are measured where only the step is written."""
    from elman.nn.graph_run import run

    layer = elman.LSTM(2, 3).eval()
    graphs = layer.export_spec().graphs
    runs = target.Runs({"step": lambda inputs: run(graphs["step"], inputs)}, graphs)
    inputs = {
        "x": torch.randn(4, 3, 2),
        "lengths": torch.tensor([2, 4, 0]),
        **{name: torch.randn(1, 3, 3) for name in "hc"},
    }
    expected = run(graphs["sequence"], inputs)["y"]
    assert list(runs) == ["step"]
    np.testing.assert_allclose(runs["sequence"](inputs)["y"], expected, atol=1e-6)
    with pytest.raises(KeyError):
        runs["encode"]
