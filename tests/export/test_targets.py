"""Which task goes to which target: every small model to all of them, as docs/export.md says."""

from pathlib import Path
from typing import Any

import pytest
from small_tasks import MADE, SMALL

import elman
from elman.errors import ExportError
from elman.export.to_c.native import compiler
from elman.export.to_wasm.node import node
from elman.tasks import Translate

DOCS = Path(__file__).parents[2] / "docs" / "export.md"
TARGETS = ("onnx", "c", "library", "wasm")
FORWARD = {"bidirectional": False}
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "classify": ("classify", FORWARD),
    "classify, both directions": ("classify", {}),
    "language": ("language", {}),
    "speech": ("speech", FORWARD),
    "speech, transducer": ("speech", {**FORWARD, "loss": "transducer"}),
    "forecast": ("forecast", {"smoothing": False}),
    "forecast, smoothing": ("forecast", {"smoothing": True}),
    "translate": ("translate", {}),
    "handwriting": ("handwriting", FORWARD),
    "handwriting, lines": ("lines", FORWARD),
    "synthesis": ("synthesis", {}),
    "video": ("video", FORWARD),
    "video, frames to come": ("frames", {}),
    "signature": ("signature", {}),
}
SOURCES = ("a", "b", "a b", "b a", "a a", "b b", "a a b", "b b a", "a b a", "b a b")
PAIRS = [(text, text.replace("a", "x").replace("b", "y")) for text in SOURCES]


def trained(name: str, options: dict[str, Any]) -> Any:
    if name == "translate":
        return Translate(**{**SMALL, "epochs": 1, **options}).fit(PAIRS, progress=False)
    kind, own, data, _ = MADE[name]
    return kind(**{**SMALL, "epochs": 1, **own, **options}).fit(data, progress=False)


@pytest.mark.skipif(compiler() is None or node() is None, reason="no C compiler or no Node.js")
@pytest.mark.parametrize("title", ROWS)
def test_a_row_of_the_table(title: str, tmp_path: Path) -> None:
    name, options = ROWS[title]
    task, cells = trained(name, options), []
    for target in TARGETS:
        try:
            done = elman.export(task, tmp_path / target, to=target)
        except ExportError:
            cells.append("no")
            continue
        graphs = [each.graph for each in done.checked if each.graph != "steps"]
        assert done.checked
        assert all(each.error <= 1e-5 for each in done.checked)
        assert not done.notes or name in ("language", "forecast"), done.notes
        cells.append(", ".join(f"`{each}`" for each in graphs))
    row = f"| {' | '.join([title, *cells])} |"
    assert row in DOCS.read_text().splitlines(), f"docs/export.md should have the row\n{row}"


def test_the_table_has_no_other_rows() -> None:
    lines = DOCS.read_text().splitlines()
    start = lines.index(f"| task | {' | '.join(TARGETS)} |")
    rows = [line.split(" | ")[0].removeprefix("| ") for line in lines[start + 2 :]]
    assert rows[: rows.index("")] == list(ROWS)
