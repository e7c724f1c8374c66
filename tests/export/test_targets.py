"""Which task goes to which target: every small model to all of them, as docs/export.md says; and
what the files give where neither elman nor torch is."""

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from bare_runs import Bare, InLibrary, InRuntime
from browser import COMMAND as BROWSER
from browser_runs import InBrowser, Web
from exported_layers import largest
from small_tasks import MADE, SMALL

import elman
from elman.errors import ExportError
from elman.export.cases import drawn, initial
from elman.export.code.elements import names_of
from elman.export.to_c.native import compiler
from elman.export.to_wasm.node import InNode, node
from elman.nn.export_spec import ExportSpec, Run
from elman.nn.lengths import mask_of
from elman.tasks import Translate

DOCS = Path(__file__).parents[2] / "docs" / "export.md"
TARGETS = ("onnx", "c", "library", "wasm")
SEQUENCES, STEPS = 100, 5
FORWARD = {"bidirectional": False}
ROWS: dict[str, tuple[str, dict[str, Any]]] = {  # those of `elman quickstart` in its sizes
    "classify": ("classify", FORWARD),
    "classify, both directions": ("classify", {"hidden_size": 48, "embedding_size": 32}),
    "language": ("language", {"hidden_size": 192, "embedding_size": 48}),
    "speech": ("speech", FORWARD),
    "speech, transducer": ("speech", {**FORWARD, "loss": "transducer"}),
    "forecast": ("forecast", {"smoothing": False, "hidden_size": 64}),
    "forecast, smoothing": ("forecast", {"smoothing": True}),
    "translate": ("translate", {}),
    "handwriting": ("handwriting", FORWARD),
    "handwriting, lines": ("lines", FORWARD),
    "synthesis": ("synthesis", {}),
    "video": ("video", FORWARD),
    "video, frames to come": ("frames", {"flow": False}),
    "signature": ("signature", {}),
}
NOTED = ("language", "forecast", "speech", "lines")  # what elman does beside the graphs is told
SOURCES = ("a", "b", "a b", "b a", "a a", "b b", "a a b", "b b a", "a b a", "b a b")
PAIRS = [(text, text.replace("a", "x").replace("b", "y")) for text in SOURCES]


def trained(name: str, options: dict[str, Any]) -> Any:
    if name == "translate":
        return Translate(**{**SMALL, "epochs": 1, **options}).fit(PAIRS, progress=False)
    kind, own, data, _ = MADE[name]
    return kind(**{**SMALL, "epochs": 1, **own, **options}).fit(data, progress=False)


@pytest.fixture(scope="module")
def bare() -> Iterator[Bare]:
    process = Bare()
    yield process
    process.close()


@pytest.fixture(scope="module")
def web() -> Iterator[Web | None]:
    if BROWSER is None:
        yield None
        return
    page = Web()
    yield page
    page.close()


def outside(spec: ExportSpec, target: str, folder: Path, bare: Bare, web: Web | None) -> Any:
    """What runs the files of a folder, by the names of the graphs, without elman and torch."""
    if target == "onnx":
        return {name: InRuntime(folder / f"{name}.onnx", bare) for name in spec.graphs}
    runs: dict[str, Run] = {}
    for graph, name in names_of(spec.graphs, "model").items():
        own = spec.graph(graph)
        if target == "wasm":
            content = {path.name: path.read_bytes() for path in folder.glob(f"{name}.*js")}
            content[f"{name}.wasm"] = (folder / f"{name}.wasm").read_bytes()
            command = node()
            assert command is not None
            runs[graph] = (
                InNode(own, name, content, command)
                if web is None
                else InBrowser(own, name, content, web)
            )
            continue
        library = folder / ("model.so" if target == "library" else f"{name}.so")
        if target == "c":
            command = [compiler() or "", "-O1", "-shared", "-fPIC", f"{name}.c", "-o", library]
            subprocess.run([*command, "-lm"], cwd=folder, check=True)
        runs[graph] = InLibrary(own, library, folder / f"{name}.h", bare)
    return runs


def walked(spec: ExportSpec, name: str, run: Run) -> list[torch.Tensor]:
    """What a graph gives for 100 sequences of up to 5 steps: the outputs of real steps."""
    graph, generator = spec.graph(name), torch.Generator().manual_seed(0)
    states, found = initial(graph, SEQUENCES), []
    lengths = 1 + torch.arange(SEQUENCES) % STEPS
    for _ in range(STEPS if graph.form == "step" and graph.states else 1):
        sizes = {"T": STEPS, "B": SEQUENCES}
        inputs = {v.name: drawn(spec, graph, v, sizes, generator) for v in graph.inputs}
        if graph.form == "sequence":
            inputs["lengths"] = lengths
            for own in spec.draw.keys() & inputs:  # these say themselves what is padding
                inputs[own][~mask_of(lengths, STEPS)] = 0
        with torch.inference_mode():
            outputs = run({**inputs, **states})
        states = {before.name: outputs[after.name] for before, after in graph.states}
        for value in (*graph.outputs, *(after for _, after in graph.states)):
            output = outputs[value.name].movedim(value.shape.index("B"), 0)
            if value.shape[0] == "T":
                output = torch.cat([row[:n] for row, n in zip(output, lengths, strict=True)])
            found.append(output)
    return found


def same_predictions(spec: ExportSpec, runs: Mapping[str, Run]) -> None:
    """Numbers are near, and what is the likeliest is the same."""
    for name, run in runs.items():
        expected = walked(spec, name, spec.native[name])
        for actual, own in zip(walked(spec, name, run), expected, strict=True):
            assert actual.shape == own.shape
            assert largest(actual.double(), own.double()) <= 1e-5
            assert torch.equal(actual.double().argmax(-1), own.double().argmax(-1))


@pytest.mark.skipif(compiler() is None or node() is None, reason="no C compiler or no Node.js")
@pytest.mark.parametrize("title", ROWS)
def test_a_row_of_the_table(title: str, bare: Bare, web: Web | None, tmp_path: Path) -> None:
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
        assert not done.notes or name in NOTED, done.notes
        cells.append(", ".join(f"`{each}`" for each in graphs))
        spec = task.export_spec()
        same_predictions(spec, outside(spec, target, tmp_path / target, bare, web))
    row = f"| {' | '.join([title, *cells])} |"
    assert row in DOCS.read_text().splitlines(), f"docs/export.md should have the row\n{row}"


def test_the_table_has_no_other_rows() -> None:
    lines = DOCS.read_text().splitlines()
    start = lines.index(f"| task | {' | '.join(TARGETS)} |")
    rows = [line.split(" | ")[0].removeprefix("| ") for line in lines[start + 2 :]]
    assert rows[: rows.index("")] == list(ROWS)
