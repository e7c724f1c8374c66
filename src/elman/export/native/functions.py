"""The module of a graph: what computes it, and the functions that a program calls.

They are those of the C target: `NAME_state_size`, `NAME_reset`, and `NAME_step` and `NAME_run` of
a graph of one step, or `NAME_scratch_size` and `NAME_run` of one of sequences.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import llvmlite.ir as ir

from elman.compiler.cpu.emit import I1, I32, I64, POINTER, VOID
from elman.export.code.elements import identifier
from elman.export.code.interface import LENGTHS, Interface
from elman.export.code.operations import write
from elman.export.code.sizes import STEPS, ZERO, Size, fixed, of
from elman.export.native.operations import KINDS
from elman.export.native.program import ELEMENTS, Parts, Program
from elman.export.native.streaming import streams
from elman.export.native.targets import Target
from elman.export.native.writer import Writer
from elman.nn.graph import Graph

OK, NULL, RANGE = 0, 1, 2
CHUNK = 16  # steps that a run takes at a time


@dataclass(frozen=True)
class Module:
    """LLVM IR, the functions in it that are called, and what a caller has to know.

    - `runs_sequences`: whether `NAME_run` of steps gives what the graph of sequences does.
    """

    code: str
    functions: tuple[str, ...]
    interface: Interface
    runs_sequences: bool


def build(graph: Graph, name: str, target: Target, sequence: Graph | None = None) -> Module:
    """Write a graph for a machine, one sequence at a time.

    **Arguments:** `sequence`: of a graph of one step that of sequences. If its steps follow from
    each other, `NAME_run` takes several at a time, which needs the weights less often.

    **Raises:** `ExportError` for what has no native code.
    """
    if sequence is None or not streams(sequence, graph):
        return _Builder(graph, name, target, None).build(runs_sequences=False)
    chunks = sequence if target.lanes > 1 else None  # small machines have little memory
    return _Builder(graph, name, target, chunks).build(runs_sequences=True)


class _Builder:
    def __init__(self, graph: Graph, name: str, target: Target, chunks: Graph | None) -> None:
        self.graph, self.name, self.target, self.chunks = graph, name, target, chunks
        self.module = ir.Module("elman")
        self.parts = Parts(self.module)
        self.word = ir.IntType(target.word)
        self.interface = self._interface(ZERO)

    def build(self, *, runs_sequences: bool) -> Module:
        program, compute = self._compute(self.graph, "compute")
        work, several = program.memory.size + fixed(program.extra), None
        if self.chunks is not None:
            more, function = self._compute(self.chunks, "compute_steps")
            several = function, _number(more.memory.size, CHUNK)
            work = fixed(max(work.number or 0, several[1] + more.extra))
        self.interface = own = self._interface(work)
        call, functions = partial(self._call, compute, program.memory.size), []
        if own.has_state:
            functions += [self._state_size(), self._reset()]
        if own.has_scratch:
            name = "run" if own.form == "sequence" else "step"
            functions += [self._scratch_size(), self._once(name, call)]
        else:
            functions += [self._once("step", call), self._run_steps(several)]
        return Module(_text(self.module), tuple(functions), own, runs_sequences)

    def _interface(self, work: Size) -> Interface:
        return Interface.of(self.graph, self.name, work, self.parts.constants.count)

    def _compute(self, graph: Graph, name: str) -> tuple[Program, Any]:
        """The function of a graph: `state`, `work`, `room`, sizes, inputs and outputs."""
        own = self.interface
        names = [(each, POINTER) for each in ("state", "work", "room")]
        names += [(each, I64) for each in (STEPS, *own.lengths)]
        names += [(f"array_{each.name}", POINTER) for each in own.arrays]
        code = Writer(self.module, self.target.shape, f"{self.name}_{name}", names)
        given, offset = {}, 0
        for (before, _), state in zip(graph.states, own.states, strict=True):
            given[before.name] = code.at(code["state"], offset)
            offset += state.count.number or 0
        for value in (*graph.inputs, *graph.outputs):
            if value.name == LENGTHS:
                given[LENGTHS] = code.entry.alloca(I32)
                code.b.store(code.b.trunc(code[STEPS], I32), given[LENGTHS])
            else:
                given[value.name] = code[f"array_{identifier(value.name)}"]
        program = Program(graph, code, self.parts, given)
        for operation in graph.operations:
            write(program, operation, KINDS)
        for before, after in graph.states:
            code.copy_exact(program.pointer(after), given[before.name], code.size(of(before.shape)))
        return program, code.finish()

    def _exported(self, name: str, parameters: Sequence[tuple[str, Any]], result: Any) -> Writer:
        """A function that programs see; sizes among its arguments are 64 bits wide inside."""
        shape, name = self.target.shape, f"{self.name}_{name}"
        code = Writer(self.module, shape, name, parameters, exported=True, result=result)
        for each, kind in parameters:
            if kind == self.word != I64:
                code.values[each] = code.b.zext(code[each], I64)
        return code

    def _called(self, name: str) -> Writer:
        """`NAME_step` or `NAME_run`, which begins with looking at its arguments."""
        listed = self.interface.parameters(name)
        kinds = [(each, POINTER if "*" in text else self.word) for each, text in listed]
        code = self._exported(name, kinds, I32)
        for each, kind in kinds:
            if kind == POINTER:
                _return_if(code, code.b.not_(code.is_given(code[each])), ir.Constant(I32, NULL))
            elif self.interface.has_scratch:
                too_long = code.b.icmp_unsigned(">", code[each], code.whole(2**31 - 1))
                _return_if(code, too_long, ir.Constant(I32, RANGE))
        return code

    def _state_size(self) -> str:
        code = self._exported("state_size", (), self.word)
        code.finish(ir.Constant(self.word, self.interface.memory_floats * 4))
        return f"{self.name}_state_size"

    def _scratch_size(self) -> str:
        kinds = [(each, self.word) for each in self.interface.scratch_parameters]
        code = self._exported("scratch_size", kinds, self.word)
        size = code.mul(code.size(self.interface.scratch), 4)
        code.finish(code.b.trunc(size, self.word) if self.word != I64 else size)
        return f"{self.name}_scratch_size"

    def _reset(self) -> str:
        code, offset = self._exported("reset", [("state", POINTER)], VOID), 0
        _return_if(code, code.b.not_(code.is_given(code["state"])), None)
        for (before, _), state in zip(self.graph.states, self.interface.states, strict=True):
            first, count = self.graph.first[before.name], state.count.number or 0
            target = code.at(code["state"], offset)
            if first.any():
                code.copy_exact(self.parts.constants.place(first), target, count)
            else:
                code.fill(target, count, 0.0)
            offset += count
        code.finish()
        return f"{self.name}_reset"

    def _once(self, name: str, call: Any) -> str:
        """The function that computes the graph once."""
        code = self._called(name)
        arrays = [code[each.name] for each in self.interface.arrays]
        wrong = self._has_wrong_ids(code, arrays)
        _return_if(code, wrong, ir.Constant(I32, RANGE))
        sizes = [code.values.get(STEPS, code.whole(1))]
        call(code, [*sizes, *(code[each] for each in self.interface.lengths)], arrays)
        self.function = code.finish(ir.Constant(I32, OK))
        return f"{self.name}_{name}"

    def _call(
        self, compute: Any, room: Any, code: Writer, sizes: Sequence[Any], arrays: Sequence[Any]
    ) -> None:
        """A call of what computes a graph; `room` is where in the work space the operations' is."""
        own = self.interface
        work = code["scratch"] if own.has_scratch else code.at(code["state"], own.state_floats)
        state = code["state"] if own.has_state else work
        room = code.size(room) if isinstance(room, Size) else room
        code.b.call(compute, [state, work, code.at(work, room), *sizes, *arrays])

    def _run_steps(self, several: tuple[Any, int] | None) -> str:
        code = self._called("run")
        if several is None:
            self._one_by_one(code, code.whole(0), code[STEPS])
        else:
            with code.loop(0, code[STEPS], CHUNK) as start:
                stop = code.least(code.add(start, CHUNK), code[STEPS])
                self._chunk(code, several, start, stop)
        code.finish(ir.Constant(I32, OK))
        return f"{self.name}_run"

    def _one_by_one(self, code: Writer, start: Any, stop: Any) -> None:
        with code.loop(start, stop) as t:
            status = code.b.call(self.function, [code["state"], *self._moved(code, t)])
            _return_if(code, code.b.icmp_signed("!=", status, ir.Constant(I32, OK)), status)

    def _chunk(self, code: Writer, several: tuple[Any, int], start: Any, stop: Any) -> None:
        """Some steps at once; one by one where an id is wrong, as far as they go."""
        moved, count = self._moved(code, start), code.sub(stop, start)
        for is_wrong in code.either(self._has_wrong_ids(code, moved, count)):
            if is_wrong:
                self._one_by_one(code, start, stop)
            else:
                self._call(*several, code, [count], moved)

    def _moved(self, code: Writer, t: Any) -> list[Any]:
        """Where the arrays of step t begin."""
        values = [value for value in self.graph.inputs if value.name != LENGTHS]
        kinds = [ELEMENTS[value.dtype] for value in (*values, *self.graph.outputs)]
        return [
            code.at(code[each.name], code.mul(t, each.count.number or 0), kind)
            for each, kind in zip(self.interface.arrays, kinds, strict=True)
        ]

    def _has_wrong_ids(self, code: Writer, arrays: Sequence[Any], times: Any = 1) -> Any:
        """Whether an id of the inputs, which are there so many times, is not below its limit."""
        found = code.entry.alloca(I1)
        code.b.store(ir.Constant(I1, 0), found)
        for each, array in zip(self.interface.inputs, arrays, strict=False):
            below = next(
                (b for n, b in self.graph.below.items() if identifier(n) == each.name), None
            )
            if below is None:
                continue
            with code.loop(0, code.mul(code.size(each.count), times)) as i:
                given = code.b.load(code.at(array, i, I32), typ=I32, align=4)
                outside = code.b.icmp_unsigned(">=", given, ir.Constant(I32, below))
                code.b.store(code.b.or_(code.b.load(found, typ=I1), outside), found)
        return code.b.load(found, typ=I1)


def _return_if(code: Writer, condition: Any, result: Any) -> None:
    early, on = (code.function.append_basic_block(name) for name in ("early", "on"))
    code.b.cbranch(condition, early, on)
    code.b.position_at_end(early)
    if result is None:
        code.b.ret_void()
    else:
        code.b.ret(result)
    code.b.position_at_end(on)


def _number(size: Size, steps: int) -> int:
    """A size for a number of steps."""
    assert size.variables <= {STEPS}
    return sum(factor * steps ** len(names) for names, factor in size.terms)


def _text(module: ir.Module) -> str:
    """The module's code.

    Addresses lie inside what they begin at, so that (`nuw`) the machine may add their offsets. And
    no loop becomes a call of memset or memcpy, which a browser or a microcontroller may not have.
    """
    text = str(module).replace("getelementptr inbounds", "getelementptr inbounds nuw")
    return re.sub(r"^(define .*)$", r'\1 "no-builtins"', text, flags=re.MULTILINE)
