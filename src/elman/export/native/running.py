"""A graph's native code in this process, to compare its numbers with the model's."""

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from elman.errors import ExportError
from elman.export.native.functions import Module, build
from elman.export.native.targets import compile_object, host
from elman.export.one_by_one import Case, OneByOne, Result, size
from elman.nn.export_spec import Run
from elman.nn.graph import Array, Graph

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
        own, is_step = self.interface, self.interface.form == "step"
        name = "step" if self.graph.form == "step" else "run"
        memory = np.zeros(own.memory_floats, np.float32)
        memory[: len(case.states)] = case.states
        outputs = {
            each.name: np.zeros(size(each.shape, case.steps), np.float32)
            for each in self.graph.outputs
        }
        arrays: list[Array | int] = [memory] if is_step or own.states else []
        if not is_step:
            count = self.function("scratch_size", ctypes.c_size_t, result=ctypes.c_size_t)
            arrays.append(np.zeros(count(case.steps) // 4, np.float32))
        arrays += [*case.inputs.values(), *([case.steps] if name == "run" else [])]
        arrays += outputs.values()
        kinds = [ctypes.c_size_t if isinstance(each, int) else ctypes.c_void_p for each in arrays]
        status = self.function(name, *kinds)(
            *(each if isinstance(each, int) else each.ctypes.data for each in arrays)
        )
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
