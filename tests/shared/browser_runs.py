"""Exported models run in headless Chromium: WebAssembly, and ONNX by onnxruntime-web."""

import json
import tempfile
import threading
from collections.abc import Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

from bare_runs import described, tensors
from browser import Page
from torch import Tensor

from elman.export.to_wasm.node import Asked
from elman.nn.graph import Graph

SCRIPT = """
import { answer, bytes, text } from "./answer.mjs";
const KINDS = { float32: Float32Array, int64: BigInt64Array, bool: Uint8Array };
const models = {};
window.answers = async (place, asked) => {
  if (!(place in models)) {
    const module = await import(place);
    models[place] = { arrays: module.ARRAYS, model: await module.load() };
  }
  const { model, arrays } = models[place];
  return JSON.stringify(JSON.parse(asked).map((each) => answer(model, arrays, each)));
};
window.onnx = async (place, asked) => {
  const ort = await import("/web/ort.wasm.bundle.min.mjs");
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = "/web/";
  models[place] ??= await ort.InferenceSession.create(place);
  const given = Object.entries(JSON.parse(asked)).map(([name, { kind, shape, data }]) =>
    [name, new ort.Tensor(kind, new KINDS[kind](bytes(data).buffer), shape)]);
  const found = Object.entries(await models[place].run(Object.fromEntries(given)));
  return JSON.stringify(Object.fromEntries(found.map(([name, { type, dims, data }]) =>
    [name, { kind: type, shape: dims, data: text(data) }])));
};
window.ready = true;
"""


class Web:
    """A page at a server of its own, whose files lie in `folder`; `runtime`: the folder `dist` of
    the package onnxruntime-web."""

    def __init__(self, runtime: Path | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        (self.folder / "index.html").write_text(
            '<link rel="icon" href="data:,"><script type="module" src="script.mjs"></script>'
        )
        (self.folder / "script.mjs").write_text(SCRIPT)
        answer = files("elman.export.to_wasm") / "answer.mjs"
        (self.folder / "answer.mjs").write_bytes(answer.read_bytes())
        if runtime is not None:
            (self.folder / "web").symlink_to(runtime.resolve())
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), partial(_Quiet, directory=self._folder.name)
        )
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        try:
            self.page = Page(f"http://127.0.0.1:{self._server.server_port}/")
            self.page.wait("window.ready")
        except BaseException:
            self._server.shutdown()
            raise
        self._count = 0

    def place(self) -> str:
        """A new folder."""
        self._count += 1
        (self.folder / str(self._count)).mkdir()
        return str(self._count)

    def ask(self, function: str, *arguments: str) -> str:
        """The answer of a function of the script."""
        script = f"{function}({', '.join(map(json.dumps, arguments))})"
        given: dict[str, Any] = {"returnByValue": True, "awaitPromise": True}
        found = self.page.call("Runtime.evaluate", expression=script, **given)
        assert "exceptionDetails" not in found, found["exceptionDetails"]["exception"]
        return str(found["result"]["value"])

    def close(self) -> None:
        """End the browser and the server."""
        self.page.close()
        self._server.shutdown()
        self._server.server_close()
        self._folder.cleanup()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


class InBrowser(Asked):
    """The files of a module by name, run in a page."""

    def __init__(self, graph: Graph, name: str, content: Mapping[str, bytes], web: Web) -> None:
        super().__init__(graph)
        place = web.place()
        for file, each in content.items():
            (web.folder / place / file).write_bytes(each)
        self.web, self.script = web, f"/{place}/{name}.mjs"

    def ask(self, asked: str) -> str:
        """The page's answer."""
        return self.web.ask("answers", self.script, asked)


class OnnxInBrowser:
    """An ONNX model run by onnxruntime-web."""

    def __init__(self, content: bytes, web: Web) -> None:
        place = web.place()
        (web.folder / place / "model.onnx").write_bytes(content)
        self.web, self.file = web, f"/{place}/model.onnx"

    def __call__(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """From inputs and states by name to outputs and new states."""
        asked = json.dumps(described(inputs))
        return tensors(json.loads(self.web.ask("onnx", self.file, asked)))
