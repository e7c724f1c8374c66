"""Modules of a user's own with elman layers, exported by torch's exporter."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import elman
from elman.errors import ExportError
from elman.export.to_onnx import translation

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript", reason="torch's exporter needs onnxscript")
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:# The axis name")


class Leaky(elman.Cell):
    """A parameter for each unit."""

    gates = ("h",)
    params = {"a": (0.1, 0.9)}

    def step(self, x: Any, r: Any, s: Any, p: Any) -> dict[str, Any]:
        return {"h": (1 - p.a) * s.h + p.a * elman.math.tanh(x.h + r.h)}


class Tagger(nn.Module):
    """Layers of elman among torch's."""

    def __init__(self, cell: Any, **options: Any) -> None:
        super().__init__()
        self.encoder = nn.Linear(3, 4)
        self.layer = elman.layer(cell, 4, 5, num_layers=2, **options)
        self.head = nn.Linear(self.layer.output_size, 2)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, ...]:
        output, state = self.layer(torch.tanh(self.encoder(x)), lengths=lengths)
        return (self.head(output), *(state if isinstance(state, tuple) else (state,)))


def written(model: nn.Module, path: Path, *given: Tensor) -> onnxruntime.InferenceSession:
    """Exported with free numbers of steps and sequences."""
    steps, batch = torch.export.Dim("T"), torch.export.Dim("B")
    shapes = ({0: steps, 1: batch}, {0: batch})[: len(given)]
    table = elman.export.translation_table()
    program = torch.onnx.export(
        model,
        given,
        dynamo=True,
        custom_translation_table=table,
        dynamic_shapes=shapes,
        verbose=False,
    )
    assert program is not None
    program.save(path)
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(
    ("cell", "options", "ragged"),
    [
        ("lstm", {}, False),
        (Leaky, {"bidirectional": True}, True),
        ("gru", {"layer_norm": True}, True),
    ],
    ids=["lstm", "own", "normed"],
)
def test_the_same_numbers(cell: Any, options: dict[str, Any], ragged: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Tagger(cell, **options).eval()
    example = (torch.randn(6, 2, 3), *([torch.tensor([6, 3])] if ragged else []))
    session = written(model, tmp_path / "model.onnx", *example)
    for steps, lengths in ((6, [6, 2]), (1, [1]), (11, [4, 0, 11])):
        given = [torch.randn(steps, len(lengths), 3), *([torch.tensor(lengths)] if ragged else [])]
        names = [each.name for each in session.get_inputs()]
        inputs = {name: each.numpy() for name, each in zip(names, given, strict=True)}
        with torch.no_grad():
            expected = model(*given)
        for actual, each in zip(session.run(None, inputs), expected, strict=True):
            np.testing.assert_allclose(actual, each.numpy(), atol=1e-5)


def test_without_onnxscript_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translation, "find_spec", lambda _: None)
    with pytest.raises(ExportError, match="onnxscript is not installed: pip install"):
        translation.translation_table()


def test_what_a_scan_cannot_do_is_refused() -> None:
    with pytest.raises(ExportError, match="resets cannot be exported"):
        translation._infer([], [], "", False, False, None, torch.zeros(1))
    text = str(elman.compiler.equations(elman.cells.GRU(), ("mask",)))
    with pytest.raises(ExportError, match=r"trains with dropout or zoneout .*: eval\(\)"):
        translation._infer([], [], text, False, False, None, None)
