"""WebAssembly as a target: a module, JavaScript that calls it, its types and a page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from elman.errors import ExportError
from elman.export.native.functions import Module
from elman.export.native.functions import build as written
from elman.export.native.running import run_here
from elman.export.native.targets import NAMED, compile_object
from elman.export.targets import Options
from elman.export.to_library.target import chosen, sequence_of
from elman.export.to_wasm import javascript
from elman.export.to_wasm.module import Linked, link
from elman.export.to_wasm.node import InNode, node
from elman.messages import shown
from elman.nn.export_spec import Run
from elman.nn.graph import Graph

_NO_NODE = (
    "not run as WebAssembly, since there is no Node.js here: the numbers compared are those of the"
    " same code for this machine"
)


@dataclass(frozen=True)
class Web:
    """The module, and what runs it."""

    graph: Graph
    module: Module
    linked: Linked
    preprocessing: Mapping[str, Any]
    runs: Mapping[str, Run]
    notes: tuple[str, ...]
    unchecked: str | None = None

    def files(self, about: Mapping[str, str]) -> Mapping[str, bytes]:
        """`NAME.wasm`, `NAME.mjs`, `NAME.d.ts` and `NAME.html`."""
        note = "\n".join(f"{key}: {value}" for key, value in about.items())
        return javascript.files(self.graph, self.module, self.linked, note, self.preprocessing)


def build(graphs: Mapping[str, Graph], options: Options) -> Web:
    """A module of the step where the model has one, which also runs over sequences; else of the
    whole sequence."""
    if options.int8:
        raise ExportError(
            'WebAssembly has float32 weights alone: leave int8 away, or use to="onnx"'
        )
    if options.separate_weights:
        raise ExportError("separate_weights: a module keeps its weights inside; leave it away")
    known = [name for name, target in NAMED.items() if target.is_wasm]
    machine = options.target or known[0]
    if machine not in known:
        raise ExportError(f"target={shown(machine)}: WebAssembly has {' and '.join(known)}")
    form = chosen(graphs)
    graph, target = graphs[form], NAMED[machine]
    module = written(graph, options.name, target, sequence_of(graphs, form))
    linked = link(compile_object(target, module.code), module.functions)
    command = node()
    if command is None or machine != known[0]:
        note = (
            _NO_NODE
            if command is None
            else _NO_NODE.replace("there is no Node.js", "Node.js has no relaxed SIMD")
        )
        return Web(graph, module, linked, options.preprocessing, run_here(graphs, form), (note,))
    content = javascript.files(graph, module, linked, "", {})
    names = [form, "sequence"] if module.runs_sequences else [form]
    runs: dict[str, Run] = {n: InNode(graphs[n], options.name, content, command) for n in names}
    return Web(graph, module, linked, options.preprocessing, runs, ())
