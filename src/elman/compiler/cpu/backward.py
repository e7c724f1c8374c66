"""The backward loop over time."""

from typing import Any

from elman.compiler.cpu import math, norm
from elman.compiler.cpu.arguments import Group, backward_arguments
from elman.compiler.cpu.emit import I64, meet
from elman.compiler.cpu.panels import Panels, Rows
from elman.compiler.cpu.tile import Tile
from elman.compiler.expression import Node, read
from elman.compiler.schedule import Plan


def backward(panels: Panels, plan: Plan, tile: Tile, single: Tile) -> Any:
    """Write a group's backward pass; `single` cuts the product for the input's gradient."""
    group = Group.start(panels, plan, "backward", backward_arguments(plan))
    code, step, base, steps = group.code, plan.step, group.base, group.steps
    hidden, gates = code["hidden"], len(step.recurrent)
    scratch, depth = panels.scratch(code, tile), code.mul(hidden, gates)
    with code.loop(0, steps) as done:
        t = code.sub(code.sub(steps, done), 1)
        here, continuing = group.step(t), group.rows_after(t)
        # The last step has no next one; what is read for it is not used.
        after = group.step(code.least(code.add(t, 1), code.sub(steps, 1)))

        def epilogue(m: Any, column: Any, place: Any, mask: Any) -> None:
            values: dict[Node, Any] = {}
            row, group_row = code.add(here.at, m), code.add(base, m)
            own = code.sum((group_row, hidden), column)
            padded = code.load_int(code["Source"], row)
            for i, new in enumerate(step.new):
                offset = code.sum((padded, code[f"row{i}"]), column)
                d = code.b.fadd(
                    code.load(code[f"D{i}"], own, mask), code.load(code[f"O{i}"], offset, mask)
                )
                values[read("d", i)] = d
                offset = code.sum((code.add(here.before, m), hidden), column)
                values[read("s", i)] = code.load(code[f"S{i}"], offset, mask)
                if new not in values and new.op != "const":
                    offset = code.sum((code.add(here.now, m), hidden), column)
                    values[new] = code.load(code[f"S{i}"], offset, mask)
            if gates:
                values[read("f", 0)] = code.load(scratch, place)
            group.constants(values, group_row, row, column, mask)
            for index, node in enumerate(plan.saves):
                if node not in values:
                    values[node] = code.load(*group.saved(row, column, index), mask)
            math.emit(code, plan.gradients, values)
            _store(group, values, row, own, column, mask)

        def rows_of(part: Any) -> Rows:  # that go on after this step, then those that end here
            first = code.is_zero(part)
            return Rows(
                code.at(code["Dr"], code.mul(after.at, depth)),
                depth,
                code.b.select(first, depth, code.whole(0)),
                code.b.select(first, code.whole(0), continuing),
                code.b.select(first, continuing, here.rows),
            )

        both = (code.whole(0), code.whole(2))
        product = (code["Packed"], depth, both, rows_of, group.share, scratch)
        panels.product(code, tile, *product, epilogue, mode=code["direct"], transposed=False)
        if step.normed:
            norm.backward(group, here)
        meet(code, code.add(done, 1))
        pending = code.add(code.b.urem(done, code["span"]), 1)  # steps whose dx waits for its use
        full = code.b.icmp_signed("==", pending, code["span"])
        due = code.b.zext(code.b.or_(full, code.is_zero(t)), I64)
        with code.loop(0, code.least(code["features"], due)):
            _input_gradient(group, single, t, code.add(t, pending))
    return code.finish()


def _input_gradient(group: Group, tile: Tile, begin: Any, end: Any) -> None:
    code, features = group.code, group.code["features"]
    width = code.mul(code["hidden"], group.plan.step.gates)
    scratch = group.panels.scratch(code, tile)
    first: Any = None

    def rows_of(t: Any) -> Rows:
        nonlocal first
        first = group.step(t)
        a = code.at(code["Dx"], code.mul(first.at, width))
        return Rows(a, width, width, code.whole(0), first.rows)

    def store(m: Any, column: Any, place: Any, mask: Any) -> None:
        row = code.load_int(code["Source"], code.add(first.at, m))
        offset = code.sum((row, features), column)
        code.store(code.load(scratch, place), code["Dinput"], offset, mask)

    product = (code["PackedInput"], width, (begin, end), rows_of, group.share, scratch)
    mode = code["direct_input"]
    group.panels.product(code, tile, *product, store, features, mode=mode, transposed=False)


def _store(
    group: Group, values: dict[Node, Any], row: Any, own: Any, column: Any, mask: Any
) -> None:
    code, plan, step, hidden = group.code, group.plan, group.plan.step, group.code["hidden"]

    def value(node: Node | None) -> Any:
        return values[node] if node is not None else code.splat(0)

    for g, node in enumerate(plan.dx):
        offset = code.sum((row, step.gates, hidden), (g, hidden), column)
        code.store(value(node), code["Dx"], offset, mask)
    for q, node in enumerate(() if plan.shared else plan.dr):
        offset = code.sum((row, len(step.recurrent), hidden), (q, hidden), column)
        code.store(value(node), code["Dr"], offset, mask)
    for i, node in enumerate(plan.ds):
        code.store(value(node), code[f"D{i}"], own, mask)
    for i, node in enumerate(plan.dp):
        offset = code.sum((code["group"], step.params, hidden), (i, hidden), column)
        total = code.b.fadd(code.load(code["Dp"], offset, mask), value(node))
        code.store(total, code["Dp"], offset, mask)
