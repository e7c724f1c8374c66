"""A recurrence's module of LLVM IR: the loops over time and who runs which part of them.

A batch is cut into groups of rows that need nothing of each other. A thread takes whole groups;
or, when the batch is small, all threads share one group's panels and meet after every step.
"""

from typing import Any

import llvmlite.ir as ir

from elman.compiler.cpu.arguments import backward_arguments, forward_arguments
from elman.compiler.cpu.backward import backward
from elman.compiler.cpu.emit import I32, I64, POINTER, Arguments, Code, Shape
from elman.compiler.cpu.forward import forward
from elman.compiler.cpu.panels import Panels
from elman.compiler.cpu.tile import Tile
from elman.compiler.schedule import Plan


def build(plan: Plan, shape: Shape) -> str:
    """The module of a recurrence: `train`, `infer`, `backward`, `pack_forward`, `pack_input` and
    `pack_single`.

    Each of the first three is `(arguments, thread, threads)`; with OpenMP there are
    also `..._team (arguments)` and `..._pair (two arguments)`, which ask OpenMP for the thread.
    """
    module = ir.Module("elman")
    panels = Panels(module, shape)
    gates = len(plan.step.recurrent)
    wide, narrow = Tile.of(gates, shape), Tile.of(1 if gates else 0, shape)
    inputs, single = Tile.of(plan.step.gates, shape), Tile.of(1, shape)
    for name, saving in (("train", True), ("infer", False)):
        part = forward(panels, plan, wide, inputs, saving=saving)
        _spread(module, shape, name, forward_arguments(plan), part)
    part = backward(panels, plan, narrow, single)
    _spread(module, shape, "backward", backward_arguments(plan), part)
    panels.packing.pack("pack_input", inputs, transposed=True)
    panels.packing.pack("pack_single", single, transposed=False)
    if gates:
        panels.packing.pack("pack_forward", wide, transposed=True)
    return str(module)


def panel_widths(plan: Plan, shape: Shape) -> tuple[int, int]:
    """Most columns in a panel of the recurrent and of the input's weights."""
    tiles = (Tile.of(count, shape) for count in (len(plan.step.recurrent), plan.step.gates))
    wide, inputs = (tile.gates * tile.vectors * shape.lanes for tile in tiles)
    return wide, inputs


def _spread(module: ir.Module, shape: Shape, name: str, arguments: Arguments, part: Any) -> None:
    """Write `name(arguments, thread, threads)`, which does a thread's share, and the team's."""
    kinds = (("arguments", POINTER), ("thread", I64), ("threads", I64))
    code = Code(module, shape, name, kinds, exported=True)
    arguments.bind(code, code["arguments"])
    for together in code.either(code.b.icmp_signed("!=", code["split"], code.whole(0))):
        if together:
            one = (code.whole(0), code["thread"], code["threads"])
            code.b.call(part, [code["arguments"], *one])
        else:
            with code.loop(code["thread"], code["groups"], code["threads"]) as group:
                code.b.call(part, [code["arguments"], group, code.whole(0), code.whole(1)])
    code.finish()
    if shape.team:
        team = Code(module, shape, f"{name}_team", (("arguments", POINTER),), exported=True)
        team.b.call(code.function, [team["arguments"], *thread_numbers(team)])
        team.finish()
        _pair(module, shape, name, code.function)


def _pair(module: ir.Module, shape: Shape, name: str, one: Any) -> None:
    """Write `name_pair (two blocks of arguments)`: a half of OpenMP's threads does each."""
    code = Code(module, shape, f"{name}_pair", (("blocks", POINTER),), exported=True)
    thread, count = thread_numbers(code)
    half = code.b.udiv(count, code.whole(2))
    alone = code.is_zero(half)
    half = code.b.select(alone, code.whole(1), half)
    first = code.b.udiv(thread, half)
    last = code.b.select(alone, code.whole(2), code.add(first, 1))
    with code.loop(code.least(first, 2), code.least(last, 2)) as each:
        block = code.b.inttoptr(code.load_int(code["blocks"], each), POINTER)
        code.b.call(one, [block, code.b.urem(thread, half), half])
    code.finish()


def thread_numbers(code: Code) -> list[Any]:
    """This thread's number in OpenMP's team, and how many there are."""
    names = ("omp_get_thread_num", "omp_get_num_threads")
    return [code.b.sext(code.b.call(code.external(n, I32, []), []), I64) for n in names]
