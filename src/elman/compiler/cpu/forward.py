"""The forward loop over time."""

from dataclasses import dataclass
from typing import Any

from elman.compiler.cpu import math, norm
from elman.compiler.cpu.arguments import Group, Step, forward_arguments
from elman.compiler.cpu.emit import meet
from elman.compiler.cpu.panels import Panels, Rows
from elman.compiler.cpu.tile import Tile
from elman.compiler.expression import Node, read
from elman.compiler.schedule import Plan


def forward(panels: Panels, plan: Plan, tile: Tile, inputs: Tile, *, saving: bool) -> Any:
    """Write a group's forward pass; `saving` what the backward pass needs."""
    name = "train" if saving else "infer"
    group = Group.start(panels, plan, name, forward_arguments(plan))
    code, step, hidden, base = group.code, plan.step, group.code["hidden"], group.base
    scratch, nothing = panels.scratch(code, tile), Tile.of(0, code.shape)
    _first_states(group)
    with code.loop(0, group.steps, code["span"]) as begin:
        end = code.least(code.add(begin, code["span"]), group.steps)
        span = _Span.of(group, begin, end)
        with code.loop(0, code.least(code["features"], 1)):  # if there are any
            _project(group, inputs, span)
            if step.normed and not saving:
                normed = code.is_given(code["InputGain"])
                with code.loop(begin, code.b.select(normed, end, begin)) as t:
                    here = group.step(t)
                    norm.of_inputs(group, span.gates_row(here, t), here.rows)
        with code.loop(begin, end) as t:
            here = group.step(t)
            rows = _Places(group, here, span, t)

            def keep_product(m: Any, column: Any, place: Any, mask: Any) -> None:
                for q in range(len(step.recurrent)):
                    value = code.load(scratch, code.add(place, q * code.lanes))
                    code.store(value, code["U"], rows.product(m, q, column), mask)

            def epilogue(m: Any, column: Any, place: Any, mask: Any) -> None:
                values: dict[Node, Any] = {}
                for q in range(len(step.recurrent)):
                    if step.normed:
                        product = code.load(code["U"], rows.product(m, q, column), mask)
                    else:
                        product = code.load(scratch, code.add(place, q * code.lanes))
                    at = code.add(code.mul(hidden, q), column)
                    if step.normed:
                        product = code.b.fmul(product, code.load(code["Gain"], at, mask))
                    if not plan.folded:
                        product = code.b.fadd(product, code.load(code["Bias"], at, mask))
                    values[read("r", q)] = product
                for g in range(step.gates):
                    at = code.add(rows.gates, m)
                    offset = code.sum((at, step.gates, hidden), (g, hidden), column)
                    values[read("x", g)] = code.load(code["X"], offset, mask)
                for i in range(step.states):
                    offset = code.sum((code.add(rows.before[i], m), hidden), column)
                    values[read("s", i)] = code.load(code[f"S{i}"], offset, mask)
                row = code.add(here.at, m)
                group.constants(values, code.add(base, m), row, column, mask)
                math.emit(code, (*step.new, step.feed, *(plan.saves if saving else ())), values)
                for i, new in enumerate(step.new):
                    offset = code.sum((code.add(rows.now[i], m), hidden), column)
                    code.store(values[new], code[f"S{i}"], offset, mask)
                if step.masked:
                    offset = code.sum((code.add(here.now, m), hidden), column)
                    code.store(values[step.feed], code["Feed"], offset, mask)
                for index, node in enumerate(plan.saves if saving else ()):
                    code.store(values[node], *group.saved(row, column, index), mask)

            left = Rows(
                code.at(code["Feed"], code.mul(here.before, hidden)),
                hidden,
                hidden,
                code.whole(0),
                here.rows,
            )
            once = (code.whole(0), code.whole(1))
            product = (code["Packed"], hidden, once, lambda _: left, group.share, scratch)
            weights = {"mode": code["direct"], "transposed": True}
            if step.normed:
                panels.product(code, tile, *product, keep_product, **weights)
                norm.forward(group, rows.product, here, saving=saving)
                panels.product(code, nothing, *product, epilogue, **weights)
            else:
                panels.product(code, tile, *product, epilogue, **weights)
            meet(code, code.add(t, 1))
            _scatter(group, here, rows.now)
    _last_states(group)
    return code.finish()


class _Places:
    """Rows of the buffers at one step, some of which keep a row for every step, some do not."""

    def __init__(self, group: Group, here: Step, span: "_Span", t: Any) -> None:
        code, base, self.group = group.code, group.base, group
        states = range(group.plan.step.states)
        single = [code.is_zero(code[f"keep{i}"]) for i in states]
        self.before = [code.b.select(one, base, here.before) for one in single]
        self.now = [code.b.select(one, base, here.now) for one in single]
        self.gates = span.gates_row(here, t)
        self.products = code.b.select(code.is_zero(code["once"]), here.at, base)

    def product(self, m: Any, q: int, column: Any) -> Any:
        """Offset in U."""
        code, hidden = self.group.code, self.group.code["hidden"]
        row = code.add(self.products, m)
        return code.sum((row, len(self.group.plan.step.recurrent), hidden), (q, hidden), column)


@dataclass
class _Span:
    """The steps [begin, end) whose gate inputs are computed together, `rows` in number if merged,
    the first of which is row `start`."""

    group: Group
    begin: Any
    end: Any
    start: Any
    rows: Any

    @classmethod
    def of(cls, group: Group, begin: Any, end: Any) -> "_Span":
        """These steps, whichever way the rows go."""
        code = group.code
        first, last = group.step(begin), group.step(code.sub(end, 1))
        start = code.least(first.at, last.at)
        ends = [code.add(each.at, each.rows) for each in (first, last)]
        stop = code.b.select(code.less(*ends), ends[1], ends[0])
        return cls(group, begin, end, start, code.sub(stop, start))

    def gates_row(self, here: Step, t: Any) -> Any:
        """The first row of a step's gate inputs in X."""
        code = self.group.code
        passed = code.mul(code.sub(t, self.begin), here.rows)
        own = code.b.select(self.merged, code.sub(here.at, self.start), passed)
        return code.b.select(self.kept, here.at, code.add(self._first, own))

    def merged_row(self) -> Any:
        """The same of all steps."""
        return self.group.code.b.select(self.kept, self.start, self._first)

    @property
    def _first(self) -> Any:
        """Where the group's gate inputs lie if they are not kept."""
        return self.group.code.mul(self.group.base, self.group.code["span"])

    @property
    def kept(self) -> Any:
        return self.group.code.is_zero(self.group.code["once"])

    @property
    def merged(self) -> Any:
        code = self.group.code
        return code.b.icmp_signed("!=", code["merged"], code.whole(0))


def _project(group: Group, tile: Tile, span: _Span) -> None:
    """The gate inputs of some steps, from the rows of the layer's input."""
    code, gates = group.code, group.plan.step.gates
    begin, end = span.begin, span.end
    hidden, features = code["hidden"], code["features"]
    scratch = group.panels.scratch(code, tile)
    padded = code.is_given(code["Rows"])
    with code.loop(begin, code.b.select(padded, end, begin)) as t:
        here = group.step(t)
        with code.loop(0, here.rows) as m:
            row = code.add(here.at, m)
            source = code.mul(code.load_int(code["Source"], row), features)
            code.copy(code["Input"], source, code["Rows"], code.mul(row, features), features)
    rows_in = code.b.select(padded, code["Rows"], code["Input"])
    first: Any = None

    merged = span.merged

    def rows_of(t: Any) -> Rows:
        nonlocal first
        here = group.step(t)
        first = code.b.select(merged, span.merged_row(), span.gates_row(here, t))
        top = code.b.select(merged, span.start, here.at)
        a = code.at(rows_in, code.mul(top, features))
        return Rows(a, features, features, 0, code.b.select(merged, span.rows, here.rows))

    def store(m: Any, column: Any, place: Any, mask: Any) -> None:
        for g in range(gates):
            value = code.load(scratch, code.add(place, g * code.lanes))
            at = code.add(code.mul(hidden, g), column)
            for bias in ("InputBias", "FoldedBias"):
                value = code.b.fadd(value, code.load(code[bias], at, mask))
            offset = code.sum((code.add(first, m), gates, hidden), (g, hidden), column)
            code.store(value, code["X"], offset, mask)

    group.panels.product(
        code,
        tile,
        code["PackedInput"],
        features,
        (begin, code.b.select(merged, code.add(begin, 1), end)),
        rows_of,
        group.share,
        scratch,
        store,
        mode=code["direct_input"],
        transposed=True,
    )


def _first_states(group: Group) -> None:
    """Bring the states before the first step to where the loop reads them. Threads that share a
    group all do so, each for itself."""
    code, step, hidden = group.code, group.plan.step, group.code["hidden"]
    with code.loop(0, code.least(group.steps, 1)):
        here = group.step(code.whole(0))
        with code.loop(0, here.rows) as m:
            source = code.mul(code.add(group.base, m), hidden)
            row = code.mul(code.add(here.before, m), hidden)
            for i in range(step.states):
                target = code.b.select(code.is_zero(code[f"keep{i}"]), source, row)
                code.copy(code[f"First{i}"], source, code[f"S{i}"], target, hidden)
            if step.masked:
                code.copy(code["First0"], source, code["Feed"], row, hidden, times=code["M"])


def _last_states(group: Group) -> None:
    """Copy each row's state after its last step."""
    code, hidden = group.code, group.code["hidden"]
    mine = code.b.select(code.is_zero(code["part"]), group.steps, code.whole(0))
    with code.loop(0, mine) as t:
        here = group.step(t)
        with code.loop(group.rows_after(t), here.rows) as m:
            target = code.mul(code.add(group.base, m), hidden)
            row = code.mul(code.add(here.now, m), hidden)
            for i in range(group.plan.step.states):
                source = code.b.select(code.is_zero(code[f"keep{i}"]), target, row)
                code.copy(code[f"S{i}"], source, code[f"Last{i}"], target, hidden)


def _scatter(group: Group, here: Step, now: list[Any]) -> None:
    """Copy the new states to their padded sequences, where those are asked for."""
    code, hidden = group.code, group.code["hidden"]
    for i in range(group.plan.step.states):
        out = code[f"Out{i}"]
        asked = code.b.and_(code.is_given(out), code.is_zero(code["part"]))
        with code.loop(0, code.b.select(asked, here.rows, code.whole(0))) as m:
            target = code.mul(code.load_int(code["Source"], code.add(here.at, m)), hidden)
            code.copy(code[f"S{i}"], code.mul(code.add(now[i], m), hidden), out, target, hidden)
