"""The module of a graph: what computes it, and the functions that a program calls.

They are those of the C target: `NAME_state_size`, `NAME_reset`, and `NAME_step` and `NAME_run` of
a graph of one step, or `NAME_scratch_size` and `NAME_run` of one of sequences.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import llvmlite.ir as ir

from elman.compiler.cpu.emit import I1, I32, I64, POINTER, VOID
from elman.errors import ExportError
from elman.export.to_c.interface import LENGTHS, Interface
from elman.export.to_c.literals import ELEMENTS
from elman.export.to_c.program import identifier
from elman.export.to_c.interface import Parameter
from elman.export.to_c.sizes import Size, of
from elman.export.native.operations import write
from elman.export.native.program import Parts, Program
from elman.export.native.streaming import streams
from elman.export.native.targets import Target
from elman.export.native.writer import Writer
from elman.nn.graph import Graph, Value

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
    for value in (*graph.inputs, *graph.outputs):
        if value.dtype == "bool":
            raise ExportError(
                f"{value.name} is of truth values, which native code does not pass on"
            )
    if sequence is None or not streams(sequence, graph):
        return _Builder(graph, name, target, None).build(runs_sequences=False)
    chunks = sequence if target.lanes > 1 else None  # small machines have little memory
    return _Builder(graph, name, target, chunks).build(runs_sequences=True)


class _Builder:
    def __init__(self, graph: Graph, name: str, target: Target, chunks: Graph | None) -> None:
        self.graph, self.name, self.target, self.chunks = graph, name, target, chunks
        self.module = ir.Module("elman")
        self.parts = Parts(self.module)
        self.is_step = graph.form == "step"
        self.inputs = [_parameter(v) for v in graph.inputs if v.name != LENGTHS]
        self.outputs = [_parameter(v) for v in graph.outputs]
        self.states = [_parameter(before) for before, _ in graph.states]
        for state in self.states:
            if state.count.fixed is None or state.kind != "float":
                raise ExportError(
                    f'the state "{state.name}" grows with the input and has no native code: use'
                    ' to="onnx"'
                )
        self.state_numbers = sum(each.count.fixed or 0 for each in self.states)
        self.word = ir.IntType(target.word)

    def build(self, *, runs_sequences: bool) -> Module:
        program, compute = self._compute(self.graph, "compute")
        work = program.memory.size + _size(program.extra)
        several = None
        if self.chunks is not None:
            more, function = self._compute(self.chunks, "compute_steps")
            several = function, more.memory.size.at(CHUNK)
            needed = several[1] + more.extra
            work = _size(max(work.fixed or 0, needed))
        interface = Interface(
            self.name,
            self.graph.form,
            tuple(replace(each, constant=True) for each in self.inputs),
            tuple(self.outputs),
            tuple(self.states),
            work,
            external=False,
            int8=False,
            weight_bytes=self.parts.constants.count,
            limits=tuple(self.graph.below.items()),
        )
        functions = []
        if self.is_step or self.states:
            functions += [self._number("state_size", interface.memory_floats), self._reset()]
        room = program.memory.size
        if self.is_step:
            functions += [self._step(compute, room), self._run_steps(several)]
        else:
            functions += [self._scratch_size(interface.scratch), self._run(compute, room)]
        return Module(_text(self.module), tuple(functions), interface, runs_sequences)

    def _compute(self, graph: Graph, name: str) -> tuple[Program, Any]:
        """The function of a graph itself: `state`, `work`, `room`, `steps`, inputs, outputs."""
        arrays = [*self.inputs, *self.outputs]
        names = [("state", POINTER), ("work", POINTER), ("room", POINTER), ("steps", I64)]
        names += [(f"array_{each.name}", POINTER) for each in arrays]
        code = Writer(self.module, self.target.shape, f"{self.name}_{name}", names)
        given, offset = {}, 0
        for (before, _), state in zip(graph.states, self.states, strict=True):
            given[before.name] = code.at(code["state"], offset)
            offset += state.count.fixed or 0
        for value in (*graph.inputs, *graph.outputs):
            if value.name == LENGTHS:
                given[LENGTHS] = code.entry.alloca(I32)
                code.b.store(code.b.trunc(code["steps"], I32), given[LENGTHS])
            else:
                given[value.name] = code[f"array_{identifier(value.name)}"]
        program = Program(graph, code, self.parts, given)
        for operation in graph.operations:
            write(program, operation)
        for before, after in graph.states:
            code.copy_exact(program.pointer(after), given[before.name], code.size(of(before.shape)))
        return program, code.finish()

    def _exported(
        self, name: str, parameters: Sequence[tuple[str, ir.Type]], result: Any
    ) -> Writer:
        shape, name = self.target.shape, f"{self.name}_{name}"
        return Writer(self.module, shape, name, parameters, exported=True, result=result)

    def _number(self, name: str, numbers: int) -> str:
        code = self._exported(name, (), self.word)
        code.finish(ir.Constant(self.word, numbers * 4))
        return f"{self.name}_{name}"

    def _scratch_size(self, numbers: Size) -> str:
        code = self._exported("scratch_size", [("steps", self.word)], self.word)
        code.values["steps"] = self._wide(code, code["steps"])
        size = code.mul(code.size(numbers), 4)
        code.finish(code.b.trunc(size, self.word) if self.word != I64 else size)
        return f"{self.name}_scratch_size"

    def _reset(self) -> str:
        code, offset = self._exported("reset", [("state", POINTER)], VOID), 0
        with self._unless_null(code, ["state"], None):
            for (before, _), state in zip(self.graph.states, self.states, strict=True):
                first, count = self.graph.first[before.name], state.count.fixed or 0
                target = code.at(code["state"], offset)
                if first.any():
                    code.copy_exact(self.parts.constants.place(first), target, count)
                else:
                    code.fill(target, count, 0.0)
                offset += count
        code.finish()
        return f"{self.name}_reset"

    def _step(self, compute: Any, room: Size) -> str:
        arrays = [*self.inputs, *self.outputs]
        names = ["state", *(f"array_{each.name}" for each in arrays)]
        code = self._exported("step", [(name, POINTER) for name in names], I32)
        with self._unless_null(code, names, NULL):
            one = code.whole(1)
            self._check(code, one)
            work = code.at(code["state"], self.state_numbers)
            own = [code["state"], work, code.at(work, code.size(room)), one]
            code.b.call(compute, [*own, *(code[name] for name in names[1:])])
        self.step_function = code.finish(ir.Constant(I32, OK))
        return f"{self.name}_step"

    def _run_steps(self, several: tuple[Any, int] | None) -> str:
        kinds = [("state", POINTER), *self._arrays()]
        code = self._exported("run", kinds, I32)
        names = [name for name, kind in kinds if kind == POINTER]
        with self._unless_null(code, names, NULL):
            steps = self._wide(code, code["steps"])
            if several is None:
                self._one_by_one(code, code.whole(0), steps)
            else:
                with code.loop(0, steps, CHUNK) as start:
                    stop = code.least(code.add(start, CHUNK), steps)
                    self._chunk(code, several, start, stop)
        code.finish(ir.Constant(I32, OK))
        return f"{self.name}_run"

    def _one_by_one(self, code: Writer, start: Any, stop: Any) -> None:
        with code.loop(start, stop) as t:
            moved = self._moved(code, t)
            status = code.b.call(self.step_function, [code["state"], *moved])
            self._return_if(code, code.b.icmp_signed("!=", status, ir.Constant(I32, OK)), status)

    def _chunk(self, code: Writer, several: tuple[Any, int], start: Any, stop: Any) -> None:
        """Some steps at once; one by one where an id is wrong, as far as they go."""
        compute, room = several
        moved, count = self._moved(code, start), code.sub(stop, start)
        for is_wrong in code.either(self._has_wrong_ids(code, moved, count)):
            if is_wrong:
                self._one_by_one(code, start, stop)
            else:
                work = code.at(code["state"], self.state_numbers)
                own = [code["state"], work, code.at(work, room), count]
                code.b.call(compute, [*own, *moved])

    def _moved(self, code: Writer, t: Any) -> list[Any]:
        """Where the arrays of step t begin."""
        return [
            code.at(code[f"array_{each.name}"], code.mul(t, each.count.fixed or 0))
            for each in (*self.inputs, *self.outputs)
        ]

    def _run(self, compute: Any, room: Size) -> str:
        state = [("state", POINTER)] if self.states else []
        kinds = [*state, ("scratch", POINTER), *self._arrays()]
        code = self._exported("run", kinds, I32)
        names = [name for name, kind in kinds if kind == POINTER]
        with self._unless_null(code, names, NULL):
            code.values["steps"] = steps = self._wide(code, code["steps"])
            too_long = code.b.icmp_unsigned(">", steps, code.whole(2**31 - 1))
            self._return_if(code, too_long, ir.Constant(I32, RANGE))
            self._check(code, steps)
            scratch = code["scratch"]
            memory = code["state"] if self.states else scratch
            arrays = [code[f"array_{each.name}"] for each in (*self.inputs, *self.outputs)]
            places = [memory, scratch, code.at(scratch, code.size(room)), steps]
            code.b.call(compute, [*places, *arrays])
        code.finish(ir.Constant(I32, OK))
        return f"{self.name}_run"

    def _arrays(self) -> list[tuple[str, ir.Type]]:
        inputs = [(f"array_{each.name}", POINTER) for each in self.inputs]
        outputs = [(f"array_{each.name}", POINTER) for each in self.outputs]
        return [*inputs, ("steps", self.word), *outputs]

    def _wide(self, code: Writer, steps: Any) -> Any:
        return steps if self.word == I64 else code.b.zext(steps, I64)

    def _check(self, code: Writer, steps: Any) -> None:
        """Return an error where an id is not below its limit."""
        arrays = [code[f"array_{each.name}"] for each in self.inputs]
        self._return_if(code, self._has_wrong_ids(code, arrays, steps), ir.Constant(I32, RANGE))

    def _has_wrong_ids(self, code: Writer, arrays: Sequence[Any], steps: Any) -> Any:
        """Whether an id of the inputs is not below its limit."""
        found = code.entry.alloca(I1)
        code.b.store(ir.Constant(I1, 0), found)
        for each, array in zip(self.inputs, arrays, strict=False):
            below = self.graph.below.get(each.name)
            if below is None:
                continue
            count = code.mul(each.count.fixed, steps) if self.is_step else code.size(each.count)
            with code.loop(0, count) as i:
                given = code.b.load(code.at(array, i, I32), typ=I32, align=4)
                outside = code.b.icmp_unsigned(">=", given, ir.Constant(I32, below))
                code.b.store(code.b.or_(code.b.load(found, typ=I1), outside), found)
        return code.b.load(found, typ=I1)

    @contextmanager
    def _unless_null(
        self, code: Writer, names: Sequence[str], result: int | None
    ) -> Iterator[None]:
        for name in names:
            value = None if result is None else ir.Constant(I32, result)
            self._return_if(code, code.b.not_(code.is_given(code[name])), value)
        yield

    def _return_if(self, code: Writer, condition: Any, result: Any) -> None:
        early, on = (code.function.append_basic_block(name) for name in ("early", "on"))
        code.b.cbranch(condition, early, on)
        code.b.position_at_end(early)
        if result is None:
            code.b.ret_void()
        else:
            code.b.ret(result)
        code.b.position_at_end(on)


def _text(module: ir.Module) -> str:
    """The module's code.

    Addresses lie inside what they begin at, so that (`nuw`) the machine may add their offsets. And
    no loop becomes a call of memset or memcpy, which a browser or a microcontroller may not have.
    """
    text = str(module).replace("getelementptr inbounds", "getelementptr inbounds nuw")
    return re.sub(r"^(define .*)$", r'\1 "no-builtins"', text, flags=re.MULTILINE)


def _parameter(value: Value) -> Parameter:
    return Parameter(identifier(value.name), ELEMENTS[value.dtype], of(value.shape), constant=False)


def _size(count: int) -> Size:
    return Size((count,) if count else ())
