"""WebAssembly as a target: a module, JavaScript that calls it, its types and a page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from elman.errors import ExportError
from elman.export.native.compiled import Compiled, others_here, parts_of
from elman.export.native.targets import NAMED
from elman.export.targets import Options
from elman.export.to_wasm import javascript
from elman.export.to_wasm.module import link
from elman.export.to_wasm.node import InNode, node
from elman.messages import shown
from elman.nn.export_spec import Run
from elman.nn.graph import Graph

_NO_NODE = (
    "not run as WebAssembly, since there is no Node.js here: the numbers compared are those of the"
    " same code for this machine"
)


@dataclass(frozen=True)
class Web(Compiled):
    """The modules, and what runs them."""

    preprocessing: Mapping[str, Any] = field(default_factory=dict)

    def files(self, about: Mapping[str, str]) -> Mapping[str, bytes]:
        """Of each part `NAME.wasm`, `NAME.mjs`, `NAME.d.ts`; `NAME.html` of a model of one."""
        note = "\n".join(f"{key}: {value}" for key, value in about.items())
        found: dict[str, bytes] = {}
        for part in self.parts.values():
            linked = link(part.content, part.module.functions)
            found |= javascript.files(part.graph, part.module.interface, linked, note)
        if len(self.parts) == 1:
            (part,) = self.parts.values()
            found |= javascript.page(part.graph, part.module.interface, found, self.preprocessing)
        return found


def build(graphs: Mapping[str, Graph], options: Options) -> Web:
    """A module of the step where the model has one, which also runs over sequences; else of the
    whole sequence. Of a model of several parts a module each."""
    if options.int8:
        raise ExportError('WebAssembly has float32 weights alone: leave int8 out, or use to="onnx"')
    if options.separate_weights:
        raise ExportError("separate_weights: a module keeps its weights inside; leave it out")
    known = [name for name, target in NAMED.items() if target.is_wasm]
    machine = options.target or known[0]
    if machine not in known:
        raise ExportError(f"target={shown(machine)}: WebAssembly has {' and '.join(known)}")
    target, command = NAMED[machine], node()
    parts = parts_of(graphs, options.name, target)
    if command is None or machine != known[0]:
        note = (
            _NO_NODE
            if command is None
            else _NO_NODE.replace("there is no Node.js", "Node.js has no relaxed SIMD")
        )
        here = others_here(graphs, parts)
        return Web(target, parts, here, (note,), preprocessing=options.preprocessing)
    runs: dict[str, Run] = {}
    for name, part in parts.items():
        own, linked = part.module.interface, link(part.content, part.module.functions)
        content = javascript.files(part.graph, own, linked, "")
        names = [name, "sequence"] if part.module.runs_sequences else [name]
        runs |= {each: InNode(graphs[each], own.name, content, command) for each in names}
    return Web(target, parts, runs, preprocessing=options.preprocessing)
