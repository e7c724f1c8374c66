"""A graph's native code in this process, to compare its numbers with the model's."""

from collections.abc import Mapping
from typing import Any

import llvmlite.binding as llvm

from elman.export.code.called import Called
from elman.export.native.functions import Module, build
from elman.export.native.targets import compile_object, host
from elman.nn.export_spec import Run
from elman.nn.graph import Graph

_kept: list[Any] = []  # what owns the machine code


class Loaded(Called):
    """A module's functions in memory; called as the graph that it was made from."""

    def __init__(self, graph: Graph, module: Module, content: bytes) -> None:
        addresses = _load(content, module.functions)
        super().__init__(graph, module.interface, addresses.__getitem__)


def loaded(
    graphs: Mapping[str, Graph], form: str, module: Module, content: bytes
) -> dict[str, Run]:
    """What the code for a graph computes, by the graphs' names: also sequences by its `run`."""
    names = [form, "sequence"] if module.runs_sequences else [form]
    return {name: Loaded(graphs[name], module, content) for name in names}


def run_here(graphs: Mapping[str, Graph], form: str) -> dict[str, Run]:
    """The same by code for this machine."""
    module = build(graphs[form], "m", host(), graphs.get("sequence") if form == "step" else None)
    return loaded(graphs, form, module, compile_object(host(), module.code))


def _load(content: bytes, names: tuple[str, ...]) -> dict[str, int]:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    own = host()
    triple = llvm.Target.from_triple(own.triple)
    machine = triple.create_target_machine(cpu=own.cpu, features=own.features, opt=3)
    jit = llvm.create_lljit_compiler(machine)
    library = llvm.JITLibraryBuilder().add_object_img(content)
    for name in names:
        library.export_symbol(name)
    tracker = library.link(jit, "elman_export")
    _kept.append((jit, tracker))
    return {name: tracker[name] for name in names}
