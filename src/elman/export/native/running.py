"""A graph's native code in this process, to compare its numbers with the model's."""

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from elman.errors import ExportError
from elman.export.native.functions import Module, build
from elman.export.native.targets import compile_object, host
from elman.export.one_by_one import Case, OneByOne, Result
from elman.export.to_c.program import identifier
from elman.export.to_c.sizes import variable
from elman.nn.export_spec import Run
from elman.nn.graph import Graph

_kept: list[Any] = []  # what owns the machine code


class Loaded(OneByOne):
    """A module's functions in memory; called as the graph that it was made from."""

    def __init__(self, graph: Graph, module: Module, content: bytes) -> None:
        super().__init__(graph)
        self.interface = module.interface
        self._addresses = _load(content, module.functions)

    def function(self, name: str, *kinds: Any, result: Any = ctypes.c_int) -> Any:
        """A function by its name without the prefix, with the types of its arguments."""
        address = self._addresses[f"{self.interface.name}_{name}"]
        return ctypes.CFUNCTYPE(result, *kinds)(address)

    def compute(self, cases: Sequence[Case]) -> list[Result]:
        """Each case by a call."""
        return [self._one(case) for case in cases]

    def _one(self, case: Case) -> Result:
        own = self.interface
        name = "step" if self.graph.form == "step" else "run"
        memory = np.zeros(own.memory_floats, np.float32)
        memory[: len(case.states)] = case.states
        outputs = {each.name: case.zeros(each) for each in self.graph.outputs}
        arrays = {**case.inputs, **outputs}
        given: dict[str, Any] = {identifier(n): array.ctypes.data for n, array in arrays.items()}
        given |= {variable(letter): size for letter, size in case.sizes.items() if letter != "B"}
        given["state"] = memory.ctypes.data
        if own.has_scratch:
            names = own.scratch_parameters
            words = [ctypes.c_size_t] * len(names)
            count = self.function("scratch_size", *words, result=ctypes.c_size_t)
            scratch = np.zeros(count(*(given[each] for each in names)) // 4, np.float32)
            given["scratch"] = scratch.ctypes.data
        listed = own.parameters(name)
        kinds = [ctypes.c_void_p if "*" in text else ctypes.c_size_t for _, text in listed]
        status = self.function(name, *kinds)(*(given[each] for each, _ in listed))
        if status:
            raise ExportError(f"the code gives status {status}")
        return Result(outputs, memory[: len(case.states)])


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
