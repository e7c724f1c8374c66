"""The files around a WebAssembly module: JavaScript that calls it, its types and a page."""

import base64
import html
import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files as resources
from typing import Any

import torch

from elman.export.cases import drawn, initial
from elman.export.code.elements import ARRAYS
from elman.export.code.interface import LENGTHS, Interface, Parameter
from elman.export.code.sizes import STEPS, variable
from elman.export.to_wasm.module import Linked
from elman.export.to_wasm.node import encoded
from elman.nn.export_spec import ExportSpec
from elman.nn.graph import Graph, Value
from elman.nn.graph_run import run

_KINDS = {
    "float": ("float", "Float32Array"),
    "int32_t": ("int", "Int32Array"),
    "unsigned char": ("byte", "Uint8Array"),
}
_STEPS, _OTHERS = 20, 5  # of the example in the page, and how long other inputs are


def files(graph: Graph, interface: Interface, linked: Linked, about: str) -> dict[str, bytes]:
    """`NAME.wasm`, `NAME.mjs` and `NAME.d.ts`."""
    name = interface.name
    description = _as_script(_description(graph, interface, linked, about))
    script = _filled("model.mjs", NAME=name, DESCRIPTION=description)
    types = _types(interface)
    return {
        f"{name}.wasm": linked.content,
        f"{name}.mjs": script.encode(),
        f"{name}.d.ts": types.encode(),
    }


def page(
    graph: Graph, interface: Interface, known: Mapping[str, bytes], preprocessing: Mapping[str, Any]
) -> dict[str, bytes]:
    """`NAME.html` of what runs over sequences, with the other files inside: a page that listens
    where the model is of sound to labels, else one of random inputs."""
    name = interface.name
    if graph.form == "step" and interface.has_scratch:
        return {}
    parts = {
        "NAME": html.escape(name),
        "MODULE": known[f"{name}.mjs"].decode(),
        "WASM": base64.b64encode(known[f"{name}.wasm"]).decode(),
    }
    if preprocessing.keys() >= {"sound", "labels"}:
        known_of_sound = ("sound", "labels", "statistics")
        of_sound = {name: preprocessing.get(name) for name in known_of_sound}
        sound = (resources(__package__) / "sound.mjs").read_text(encoding="utf-8")
        text = _filled("listen.html", **parts, SOUND=sound, PREPROCESSING=_as_script(of_sound))
    else:
        text = _filled("page.html", **parts, EXAMPLE=_as_script(_example(graph)))
    return {f"{name}.html": text.encode()}


def _description(graph: Graph, interface: Interface, linked: Linked, about: str) -> dict[str, Any]:
    """What the script has to know. Counts are sums of [names of lengths, factor]."""
    lengths = [*([STEPS] if interface.form == "sequence" else []), *interface.lengths]
    called = ("run",) if interface.form == "sequence" else ("step", "run")
    if interface.form == "step" and interface.has_scratch:
        called = ("step",)
    return {
        "name": interface.name,
        "file": f"{interface.name}.wasm",
        "form": interface.form,
        "inputs": [_array(each) | _below(graph, each) for each in interface.inputs],
        "outputs": [_array(each) for each in interface.outputs],
        "states": [{"name": s.name, "count": s.count.number} for s in interface.states],
        "lengths": lengths,
        "parameters": {n: [name for name, _ in interface.parameters(n)] for n in called},
        "state": 4 * interface.memory_floats if interface.has_state else 0,
        "scratch": interface.scratch_parameters if interface.has_scratch else None,
        "heap": -(-linked.heap // 64) * 64,
        "about": about,
    }


def _array(parameter: Parameter) -> dict[str, Any]:
    kind = _KINDS[parameter.kind][0]
    count = [[list(names), factor] for names, factor in parameter.count.terms]
    return {"name": parameter.name, "kind": kind, "count": count}


def _below(graph: Graph, parameter: Parameter) -> dict[str, int]:
    below = graph.below.get(parameter.name)
    return {} if below is None else {"below": below}


def _example(graph: Graph) -> dict[str, dict[str, Any]]:
    """Some steps from the first state on: inputs, and what the graph makes of them."""
    spec = ExportSpec({graph.form: graph}, {})
    generator, states = torch.Generator().manual_seed(0), initial(graph, 1)
    sizes = {"T": _STEPS, "B": 1} | dict.fromkeys(_letters(graph), _OTHERS)
    if graph.form == "sequence":
        inputs = {v.name: drawn(spec, graph, v, sizes, generator) for v in graph.inputs}
        inputs[LENGTHS] = torch.tensor([_STEPS])
        found = run(graph, {**inputs, **states})
        steps = [(inputs, {value.name: found[value.name] for value in graph.outputs})]
    else:
        steps = []
        for _ in range(_STEPS):
            inputs = {v.name: drawn(spec, graph, v, sizes, generator) for v in graph.inputs}
            found = run(graph, {**inputs, **states})
            states = {before.name: found[after.name] for before, after in graph.states}
            steps.append((inputs, {value.name: found[value.name] for value in graph.outputs}))
    lengths = dict.fromkeys(_letters(graph), _OTHERS) | {"T": _STEPS}
    return {
        "lengths": {variable(letter): size for letter, size in lengths.items()},
        "inputs": {
            v.name: _joined(v, [i[v.name] for i, _ in steps])
            for v in graph.inputs
            if v.name != LENGTHS
        },
        "outputs": {v.name: _joined(v, [o[v.name] for _, o in steps]) for v in graph.outputs},
    }


def _letters(graph: Graph) -> set[str]:
    """Lengths of inputs besides the number of steps."""
    found = {size for value in graph.inputs for size in value.shape if isinstance(size, str)}
    return found - {"T", "B"}


def _joined(value: Value, tensors: list[torch.Tensor]) -> str:
    numbers = torch.cat([tensor.ravel() for tensor in tensors]).numpy()
    return encoded(numbers.astype(ARRAYS[value.dtype]))


def _types(interface: Interface) -> str:
    def listed(arrays: Sequence[Parameter]) -> str:
        return "\n".join(f"  {each.name}: {_KINDS[each.kind][1]};" for each in arrays)

    inputs = "; ".join(f"{each.name}: ArrayLike<number>" for each in interface.inputs)
    single = " | ArrayLike<number>" if len(interface.inputs) == 1 else ""
    arrays = {"OUTPUTS": listed(interface.outputs), "STATES": listed(interface.states)}
    return _filled("model.d.ts", INPUTS=f"{{ {inputs} }}{single}", **arrays)


def _filled(resource: str, **parts: str) -> str:
    """A file of this package with its parts filled in."""
    text = (resources(__package__) / resource).read_text(encoding="utf-8")
    return re.sub(r"__([A-Z]+)__", lambda found: parts.get(found[1], found[0]), text)


def _as_script(value: Any) -> str:
    """A value as JavaScript that may stand in a page."""
    return json.dumps(value).replace("<", "\\u003c")
