"""The loop over time, forward and backward, as LLVM IR.

A batch is cut into groups of rows that need nothing of each other; a table tells each group how
many rows every step has and where they lie (see `layout`). A thread takes whole groups; or, when
the batch is small, all threads share one group's panels and meet after every step.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import llvmlite.ir as ir

from elman.compiler.cpu import math
from elman.compiler.cpu.emit import I32, I64, POINTER, VOID, Arguments, Code, Shape
from elman.compiler.cpu.panels import Panels, Rows, Tile
from elman.compiler.expression import Node, read
from elman.compiler.schedule import Plan

HEAD, PER_STEP = 2, 4  # entries of a group's table: steps, base; then rows, at, before, now

_PART = (("arguments", POINTER), ("group", I64), ("part", I64), ("parts", I64))
_COMMON = ("hidden", "groups", "split", "stride", "Table", "Barrier", "Packed", "X", "Saves", "M")


def forward_arguments(plan: Plan) -> Arguments:
    """Of the forward kernels.

    `keep` is 1 for a state with a row at every step, 0 for one row. If `features` is not 0, the
    gate inputs are computed here, from `Input`, for `span` steps at a time; and if `once` is the
    number of segments, not 0, they are not kept beyond these.
    """
    step = plan.step
    own = ("Bias", "Feed", "features", "span", "Input", "PackedInput", "InputBias", "once")
    names = [*_COMMON, *own, *_numbered(step, states=("S", "keep"))]
    return Arguments(names)


def backward_arguments(plan: Plan) -> Arguments:
    """Of the backward kernel. `D` are the states' running gradients, `O` those of their
    sequences with the row stride `row`. If `features` is not 0, the input's gradient is
    computed here, too, for `span` steps at a time."""
    step = plan.step
    own = ("Dx", "Dr", "Dp", "features", "span", "Dinput", "PackedInput")
    names = [*_COMMON, *own, *_numbered(step, states=("S", "D", "O", "row"))]
    return Arguments(names)


def _numbered(step: Any, states: Iterable[str]) -> list[str]:
    return [
        *(f"{kind}{i}" for kind in states for i in range(step.states)),
        *(f"P{i}" for i in range(step.params)),
        *(f"Z{i}" for i in step.zones),
    ]


def build(plan: Plan, shape: Shape) -> str:
    """The module of a recurrence: `train`, `infer`, `backward`, `pack_forward`, `pack_backward`.

    Each of the first three is `(arguments, thread, threads)`; with OpenMP there is also
    `..._team (arguments)`, which asks OpenMP for the thread.
    """
    module = ir.Module("elman")
    panels = Panels(module, shape)
    gates = len(plan.step.recurrent)
    wide, narrow = Tile.of(gates, shape), Tile.of(1 if gates else 0, shape)
    inputs, single = Tile.of(plan.step.gates, shape), Tile.of(1, shape)
    for name, saving in (("train", True), ("infer", False)):
        _spread(
            module,
            shape,
            name,
            forward_arguments(plan),
            _forward(panels, plan, (wide, inputs), saving),
        )
    _spread(
        module,
        shape,
        "backward",
        backward_arguments(plan),
        _backward(panels, plan, (narrow, single)),
    )
    panels.pack("pack_input", inputs, transposed=True)
    panels.pack("pack_single", single, transposed=False)
    if gates:
        panels.pack("pack_forward", wide, transposed=True)
    return str(module)


@dataclass
class _Step:
    """Where a group's rows lie at one step."""

    rows: Any
    at: Any
    before: Any
    now: Any

    @classmethod
    def load(cls, code: Code, table: Any, index: Any) -> "_Step":
        first = code.add(code.mul(index, PER_STEP), HEAD)
        return cls(*(code.load_int(table, code.add(first, j)) for j in range(PER_STEP)))


def _start(panels: Panels, name: str, arguments: Arguments) -> tuple[Code, Any, Any, Any]:
    code = Code(panels.module, panels.shape, f"{name}_group", _PART)
    arguments.bind(code, code["arguments"])
    table = code.at(code["Table"], code.mul(code["group"], code["stride"]), I64)
    return code, table, code.load_int(table, 0), code.load_int(table, 1)


def _saved(code: Code, plan: Plan, row: Any, column: Any, index: int) -> tuple[Any, Any]:
    """Where a saved value lies: the first ones where the gate inputs stood."""
    gates, hidden = plan.step.gates, code["hidden"]
    if index < gates:
        return code["X"], code.sum((row, gates, hidden), (index, hidden), column)
    index -= gates
    return code["Saves"], code.sum((row, plan.extra_saves, hidden), (index, hidden), column)


def _constants(
    code: Code, plan: Plan, values: dict[Node, Any], row: Any, step_row: Any, column: Any, mask: Any
) -> None:
    """Inputs that are the same forward and backward: parameters, zoneout, the mask on h."""
    hidden = code["hidden"]
    for i in range(plan.step.params):
        values[read("p", i)] = code.load(code[f"P{i}"], column, mask)
    for i in plan.step.zones:
        values[read("z", i)] = code.load(code[f"Z{i}"], code.sum((step_row, hidden), column), mask)
    if plan.step.masked:
        values[read("m", 0)] = code.load(code["M"], code.sum((row, hidden), column), mask)


def _forward(panels: Panels, plan: Plan, tiles: tuple[Tile, Tile], saving: bool) -> Any:
    tile, inputs = tiles
    name = "train" if saving else "infer"
    code, table, steps, base = _start(panels, name, forward_arguments(plan))
    step, hidden = plan.step, code["hidden"]
    scratch = panels.scratch(code, tile)
    share = (code["part"], code["parts"])
    with code.loop(0, steps, code["span"]) as begin:
        end = code.least(code.add(begin, code["span"]), steps)

        def gates_row(t: Any, here: _Step) -> Any:
            passing = code.sum(base, (code.sub(t, begin), code["once"]))
            return code.b.select(code.is_zero(code["once"]), here.at, passing)

        with code.loop(0, code.least(code["features"], 1)):  # if there are any
            _project(panels, code, plan, inputs, table, (begin, end), gates_row)
        with code.loop(begin, end) as t:
            here = _Step.load(code, table, t)
            single = [code.is_zero(code[f"keep{i}"]) for i in range(step.states)]
            before = [code.b.select(one, base, here.before) for one in single]
            now = [code.b.select(one, base, here.now) for one in single]
            gates_at = gates_row(t, here)

            def epilogue(m: Any, column: Any, place: Any, mask: Any) -> None:
                values: dict[Node, Any] = {}
                row = code.add(here.at, m)
                for q in range(len(step.recurrent)):
                    product = code.load(scratch, code.add(place, q * code.lanes))
                    if not plan.folded:
                        bias = code.load(code["Bias"], code.add(code.mul(hidden, q), column), mask)
                        product = code.b.fadd(product, bias)
                    values[read("r", q)] = product
                for g in range(step.gates):
                    at = code.add(gates_at, m)
                    offset = code.sum((at, step.gates, hidden), (g, hidden), column)
                    values[read("x", g)] = code.load(code["X"], offset, mask)
                for i in range(step.states):
                    offset = code.sum((code.add(before[i], m), hidden), column)
                    values[read("s", i)] = code.load(code[f"S{i}"], offset, mask)
                _constants(code, plan, values, code.add(base, m), row, column, mask)
                math.emit(code, (*step.new, step.feed, *(plan.saves if saving else ())), values)
                for i, new in enumerate(step.new):
                    offset = code.sum((code.add(now[i], m), hidden), column)
                    code.store(values[new], code[f"S{i}"], offset, mask)
                if step.masked:
                    offset = code.sum((code.add(here.now, m), hidden), column)
                    code.store(values[step.feed], code["Feed"], offset, mask)
                for index, node in enumerate(plan.saves if saving else ()):
                    code.store(values[node], *_saved(code, plan, row, column, index), mask)

            feed = code.at(code["Feed"], code.mul(here.before, hidden))
            rows = Rows(feed, hidden, hidden, code.whole(0), here.rows)
            once = (code.whole(0), code.whole(1))
            panels.product(
                code, tile, code["Packed"], hidden, once, lambda _: rows, share, scratch, epilogue
            )
            _meet(code, code.add(t, 1))
    return code.finish()


def _project(
    panels: Panels,
    code: Code,
    plan: Plan,
    tile: Tile,
    table: Any,
    steps: tuple[Any, Any],
    gates_row: Callable[[Any, _Step], Any],
) -> None:
    """The gate inputs of some steps, from those of the layer."""
    gates, hidden, features = plan.step.gates, code["hidden"], code["features"]
    scratch = panels.scratch(code, tile)
    first: Any = None

    def rows_of(t: Any) -> Rows:
        nonlocal first
        here = _Step.load(code, table, t)
        first = gates_row(t, here)
        a = code.at(code["Input"], code.mul(here.at, features))
        return Rows(a, features, features, code.whole(0), here.rows)

    def store(m: Any, column: Any, place: Any, mask: Any) -> None:
        for g in range(gates):
            value = code.load(scratch, code.add(place, g * code.lanes))
            bias = code.load(code["InputBias"], code.add(code.mul(hidden, g), column), mask)
            offset = code.sum((code.add(first, m), gates, hidden), (g, hidden), column)
            code.store(code.b.fadd(value, bias), code["X"], offset, mask)

    share = (code["part"], code["parts"])
    panels.product(code, tile, code["PackedInput"], features, steps, rows_of, share, scratch, store)


def _backward(panels: Panels, plan: Plan, tiles: tuple[Tile, Tile]) -> Any:
    tile, single = tiles
    code, table, steps, base = _start(panels, "backward", backward_arguments(plan))
    step, hidden, gates = plan.step, code["hidden"], len(plan.step.recurrent)
    scratch, share = panels.scratch(code, tile), (code["part"], code["parts"])
    depth = code.mul(hidden, gates)
    with code.loop(0, steps) as done:
        t = code.sub(code.sub(steps, done), 1)
        here = _Step.load(code, table, t)
        # The last step has no next one; what is read for it is not used.
        after = _Step.load(code, table, code.least(code.add(t, 1), code.sub(steps, 1)))
        continuing = code.b.select(code.is_zero(done), code.whole(0), after.rows)

        def epilogue(m: Any, column: Any, place: Any, mask: Any) -> None:
            values: dict[Node, Any] = {}
            row, group_row = code.add(here.at, m), code.add(base, m)
            own = code.sum((group_row, hidden), column)
            for i, new in enumerate(step.new):
                offset = code.sum((row, code[f"row{i}"]), column)
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
            _constants(code, plan, values, group_row, row, column, mask)
            for index, node in enumerate(plan.saves):
                if node not in values:
                    values[node] = code.load(*_saved(code, plan, row, column, index), mask)
            math.emit(code, plan.gradients, values)
            _store_gradients(code, plan, values, row, own, column, mask)

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
        panels.product(code, tile, code["Packed"], depth, both, rows_of, share, scratch, epilogue)
        _meet(code, code.add(done, 1))
        pending = code.add(code.b.urem(done, code["span"]), 1)  # steps whose dx waits for its use
        full = code.b.icmp_signed("==", pending, code["span"])
        due = code.b.zext(code.b.or_(full, code.is_zero(t)), I64)
        with code.loop(0, code.least(code["features"], due)):
            _input_gradient(panels, code, plan, single, table, (t, code.add(t, pending)))
    return code.finish()


def _input_gradient(
    panels: Panels, code: Code, plan: Plan, tile: Tile, table: Any, steps: tuple[Any, Any]
) -> None:
    features, width = code["features"], code.mul(code["hidden"], plan.step.gates)
    scratch = panels.scratch(code, tile)
    first: Any = None

    def rows_of(t: Any) -> Rows:
        nonlocal first
        here = _Step.load(code, table, t)
        first = here.at
        a = code.at(code["Dx"], code.mul(here.at, width))
        return Rows(a, width, width, code.whole(0), here.rows)

    def store(m: Any, column: Any, place: Any, mask: Any) -> None:
        offset = code.sum((code.add(first, m), features), column)
        code.store(code.load(scratch, place), code["Dinput"], offset, mask)

    share = (code["part"], code["parts"])
    panels.product(
        code, tile, code["PackedInput"], width, steps, rows_of, share, scratch, store, features
    )


def _store_gradients(
    code: Code, plan: Plan, values: dict[Node, Any], row: Any, own: Any, column: Any, mask: Any
) -> None:
    step, hidden = plan.step, code["hidden"]

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


def _meet(code: Code, step: Any) -> None:
    """Where threads share a group: wait until all have done so many steps."""
    b, parts = code.b, code["parts"]
    blocks = [code.function.append_basic_block(n) for n in ("meet", "wait", "again", "met")]
    meet, wait, again, met = blocks
    b.cbranch(code.less(1, parts), meet, met)
    b.position_at_end(meet)
    count = code.entry.alloca(I64)
    b.store(code.whole(0), count)
    b.atomic_rmw("add", code["Barrier"], code.whole(1), "acq_rel")
    goal = code.mul(step, parts)
    b.branch(wait)
    b.position_at_end(wait)
    b.cbranch(code.less(b.load_atomic(code["Barrier"], "acquire", 8, typ=I64), goal), again, met)
    b.position_at_end(again)
    if code.shape.x86:
        b.call(code.external("llvm.x86.sse2.pause", VOID, []), [])
    if code.shape.posix:  # somebody else may need this core for the other thread to come along
        spins = code.add(b.load(count, typ=I64), 1)
        b.store(spins, count)
        polite = code.function.append_basic_block("polite")
        b.cbranch(code.less(spins, 2000), wait, polite)
        b.position_at_end(polite)
        b.call(code.external("sched_yield", I32, []), [])
    b.branch(wait)
    b.position_at_end(met)


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
        numbers = [
            team.b.sext(team.b.call(team.external(each, I32, []), []), I64)
            for each in ("omp_get_thread_num", "omp_get_num_threads")
        ]
        team.b.call(code.function, [team["arguments"], *numbers])
        team.finish()
