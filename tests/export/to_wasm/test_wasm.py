"""WebAssembly: the module in Node.js, the JavaScript around it, and its page in a browser."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from exported_layers import USERS, made
from tiny_translator import tiny_translator

import elman
from elman.cells import BUILTIN
from elman.errors import ExportError
from elman.export.export import export
from elman.export.native.functions import build
from elman.export.native.targets import NAMED, compile_object
from elman.export.targets import Options
from elman.export.to_wasm import node, target
from elman.export.to_wasm.module import link
from elman.nn import Recurrent

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


CALLS_OUTSIDE = """
declare void @missing() nounwind
define void @own() nounwind {
    call void @missing()
    ret void
}
"""


def in_node(folder: Path, script: str) -> Any:
    """What a script prints as JSON that has imported `load` of model.mjs."""
    (folder / "script.mjs").write_text(f'import {{ load }} from "./model.mjs";\n{script}')
    done = subprocess.run(
        ["node", "script.mjs"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_node
@pytest.mark.parametrize("cell", [*BUILTIN, *USERS])
def test_every_cell_in_node(cell: Any) -> None:
    spec = made(cell, num_layers=2).export_spec()
    graphs = {"step": spec.graph("step")}
    built = target.build(graphs, Options())
    assert isinstance(built.runs["step"], node.InNode)
    assert built.notes == ()
    elman.export.parity.check(spec, ["step"], built.runs)


@needs_node
@pytest.mark.parametrize(
    "options", [{"bidirectional": True, "num_layers": 2}, {"layer_norm": True}], ids=str
)
def test_whole_sequences_in_node(options: dict[str, Any]) -> None:
    spec = made("lstm", 6, 11, **options).export_spec()
    built = target.build({"sequence": spec.graph("sequence")}, Options())
    elman.export.parity.check(spec, ["sequence"], built.runs)


@pytest.fixture(scope="module")
def layer() -> Recurrent:
    return made("gru", learn_initial_state=True)


@pytest.fixture(scope="module")
def folder(layer: Recurrent, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wasm")
    done = export(layer, folder, to="wasm")
    names = ["model.wasm", "model.mjs", "model.d.ts", "model.html", "preprocess.json"]
    assert [path.name for path in done.files] == names
    return folder


STREAMS = """
const model = await load();
const x = Float32Array.from({ length: 4 * 5 }, (_, i) => i / 10);
const one = model.stream(), other = model.stream();
const y = [];
for (let t = 0; t < 4; t++) {
  y.push(...one.step({ x: x.subarray(5 * t, 5 * t + 5) }).y);
  other.step(x.subarray(0, 5));
}
const saved = one.save(), next = [...one.step(x.subarray(0, 5)).y];
one.restore(saved);
const again = [...one.step(x.subarray(0, 5)).y];
other.reset();
const run = [...other.run(x).y], whole = [...model.run(x).y];
const long = model.run(new Float32Array(5 * 30000)).y.length;
one.close();
const third = model.stream(), first = [...third.step(x.subarray(0, 5)).y];
const empty = model.run([]).y.length;
console.log(JSON.stringify({ y, next, again, run, whole, long, first, empty }));
"""


@needs_node
def test_streams_are_apart_and_can_be_saved(layer: Recurrent, folder: Path) -> None:
    found = in_node(folder, STREAMS)
    x = torch.arange(20).view(4, 1, 5) / 10
    expected = layer(x)[0].detach().numpy().ravel()
    assert np.abs(np.array(found["y"]) - expected).max() <= 1e-6
    assert found["run"] == found["whole"] == found["y"]
    assert found["next"] == found["again"]
    assert found["first"] == found["y"][:13]
    assert (found["long"], found["empty"]) == (30000 * 13, 0)


@needs_node
@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("stream.step([1, 2, 3])", "x has 3 numbers, 5 are needed"),
        ("stream.step({ z: [1] })", "the input x is missing"),
        ("stream.run(new Float32Array(7))", "x has 7 numbers, which are no whole steps"),
        ("stream.restore(new Uint8Array(3))", "bytes, not 3"),
        ("(stream.close(), stream.step([1, 2, 3, 4, 5]))", "the stream is closed"),
    ],
)
def test_wrong_calls_are_told(folder: Path, call: str, message: str) -> None:
    script = f"""
    const stream = (await load()).stream();
    let message = "";
    try {{ {call}; }} catch (error) {{ message = error.message; }}
    console.log(JSON.stringify(message));
    """
    assert message in in_node(folder, script)


TRANSLATION = """
const encoder = await (await import("./model_encode.mjs")).load();
const decoder = await load(), written = [];
const found = encoder.run([1, 2, 3, 2]);
const names = decoder.description.states.map(({ name }) => name);
const first = Object.fromEntries(names.map((name) => [name, found[name]]));
const stream = decoder.stream(first), kept = stream.states();
let message = "";
try { decoder.stream({ missing: [1] }); } catch (error) { message = error.message; }
for (let token = 1; written.length < 6; ) {
  const { scores } = stream.step({ ...found, tokens: [token] });
  token = scores.indexOf(Math.max(...scores));
  written.push(token);
}
const same = names.every((name) => kept[name].join() === first[name].join());
console.log(JSON.stringify({ written, same, message }));
"""


@needs_node
def test_an_encoder_decoder_hands_its_states_on(tmp_path: Path) -> None:
    model = tiny_translator(num_layers=2).float()
    export(model, tmp_path, to="wasm")
    assert not list(tmp_path.glob("*.html"))
    found = in_node(tmp_path, TRANSLATION)
    state, token, expected = model.encode(torch.tensor([[1], [2], [3], [2]])), 1, []
    for _ in range(6):
        scores, state = model.step(torch.tensor([token]), state)
        token = int(scores.argmax())
        expected.append(token)
    assert found["written"] == expected
    assert found["same"]
    assert found["message"] == "there is no state missing; there is first_h,first_c,following_h"


def test_types_name_inputs_and_outputs(folder: Path) -> None:
    types = (folder / "model.d.ts").read_text()
    assert "Inputs = { x: ArrayLike<number> } | ArrayLike<number>;" in types
    assert "  y: Float32Array;" in types
    assert "__" not in types


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_the_page_runs_in_a_browser(folder: Path) -> None:
    assert BROWSER is not None
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    page = (folder / "model.html").as_uri()
    done = subprocess.run(
        [BROWSER, *options, "--virtual-time-budget=20000", "--dump-dom", page],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "CONSOLE" not in done.stderr
    report = re.search(r'<pre id="report"[^>]*>(.*?)</pre>', done.stdout, re.DOTALL)
    assert report is not None
    assert "100 steps in" in report[1]
    difference = re.search(r"in Python: ([\d.e-]+)", report[1])
    assert difference is not None
    assert float(difference[1]) <= 1e-6


def test_without_node_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(target, "node", lambda: None)
    done = export(made("gru"), tmp_path, to="wasm")
    assert "there is no Node.js here" in str(done)
    assert [each.graph for each in done.checked] == ["sequence", "step", "steps"]


def test_a_module_that_does_not_run_is_no_export(layer: Recurrent, tmp_path: Path) -> None:
    false = tmp_path / "node"
    false.write_text("#!/bin/sh\necho 'SyntaxError: no such thing' >&2\nexit 1\n")
    false.chmod(0o755)
    graph = layer.export_spec().graph("step")
    run = node.InNode(graph, "model", {}, str(false))
    with pytest.raises(ExportError, match="cannot run the module: SyntaxError: no such thing"):
        run({"x": torch.zeros(1, 5), "h": torch.zeros(1, 1, 13)})


@pytest.mark.parametrize("machine", ["wasm32", "wasm32-relaxed"])
def test_code_is_small(machine: str) -> None:
    graph = made("lstm", 64, 64).export_spec().graph("step")
    module = build(graph, "m", NAMED[machine])
    linked = link(compile_object(NAMED[machine], module.code), module.functions)
    assert len(linked.content) - module.interface.weight_bytes < 6000
    assert linked.heap % 16 == 0


def test_functions_from_outside_are_refused() -> None:
    with pytest.raises(ExportError, match="needs functions from outside: missing"):
        link(compile_object(NAMED["wasm32"], CALLS_OUTSIDE), ["own"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "aarch64"}, "WebAssembly has wasm32 and wasm32-relaxed"),
        ({"int8": True}, "float32 weights alone"),
        ({"separate_weights": True}, "keeps its weights inside"),
    ],
)
def test_what_it_has_not_is_refused(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=message):
        export(made("gru"), tmp_path / "out", to="wasm", **options)
    assert not list((tmp_path / "out").glob("*"))
