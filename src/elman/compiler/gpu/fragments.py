"""What both kernels are written with: where a program's tile lies, and where programs meet."""

from collections.abc import Iterator

from elman.compiler.expression import Node, read
from elman.compiler.gpu.source import Lines
from elman.compiler.gpu.variant import Variant

SIZES = ("T", "B", "origin", "tile0", "first", "last")
_WAIT = (
    "{ .reg .pred other, early; .reg .u32 thread; .reg .s32 seen;"
    " mov.u32 thread, %tid.x; setp.ne.u32 other, thread, 0; @other bra met;"
    " again: ld.acquire.gpu.global.s32 seen, [$1]; setp.lt.s32 early, seen, $2;"
    " @early bra again; met: mov.s32 $0, 0; }"
)
_ARRIVE = (
    "{ .reg .pred first; .reg .u32 thread;"
    " mov.u32 thread, %tid.x; setp.eq.u32 first, thread, 0;"
    " @first red.release.gpu.global.add.s32 [$1], 1; mov.s32 $0, 0; }"
)


def begin(w: Lines, v: Variant, name: str, pointers: list[str]) -> None:
    """The head of a kernel: its arguments and the program's tile."""
    sizes = list(SIZES)
    if v.interpreted:  # its loops take no tensors
        sizes[-2:] = ["first: tl.constexpr", "last: tl.constexpr"]
    fixed = [f"{each}: tl.constexpr" for each in ("direction", "H", "BB", "BN", "BK")]
    w.open(f"def {name}({', '.join([*pointers, *sizes, *fixed])}):")
    w("tile = tl.program_id(1) + tile0")
    w("rows = tile * BB + tl.arange(0, BB)")
    w("units = tl.program_id(0) * BN + tl.arange(0, BN)")
    w("row_mask = (rows < B)[:, None]")
    w("unit_mask = (units < H)[None, :]")
    w("mask = row_mask & unit_mask")
    w("place = rows[:, None] * H + units[None, :]")
    w(f"gate_place = rows[:, None] * ({v.step.gates} * H) + units[None, :]")
    if v.saving and v.plan.extra_saves:
        w(f"save_place = rows[:, None] * ({v.plan.extra_saves} * H) + units[None, :]")
    if v.meets:
        w("counter = (Count + tile).to(tl.int64)")
        w("goal = 0")
    if v.lengths:
        w.load("lengths", "Lengths + rows", "rows < B", like="0")
    for i in range(v.step.params):
        w.load(f"p{i}", f"P{i} + units", "units < H")
        w(f"p{i} = p{i}[None, :]")
    if v.step.masked:
        w.load("m0", "M + place")


def find_step(w: Lines, v: Variant) -> None:
    """Where the values of step `s` lie, time running forwards or in reverse."""
    w("t = origin + direction * s")
    w("following = t + direction")
    w("step = tl.cast(t, tl.int64)")
    w("before_at = tl.cast(tl.where(direction > 0, t, t + 1), tl.int64) * (B * H)")
    w("after_at = tl.cast(tl.where(direction > 0, t + 1, t), tl.int64) * (B * H)")
    w(f"x_at = X + step * (B * {v.step.gates} * H)")


def read_borders(w: Lines, v: Variant, more: str) -> None:
    """Which sequences begin again after this step, if `more` come, and which are not padding."""
    if v.resets:
        w(f"inside = (rows < B) & ({more})")
        w.load("fresh", "Resets + tl.cast(following, tl.int64) * B + rows", "inside", like="0")
        w("fresh = (fresh != 0)[:, None]")
    if v.lengths:
        w("live = (t < lengths)[:, None]")


def constants(v: Variant) -> dict[Node, str]:
    """Inputs by their names in a kernel."""
    names = {read("p", i): f"p{i}" for i in range(v.step.params)}
    names |= {read("z", i): f"z{i}" for i in v.step.zones}
    if v.step.masked:
        names[read("m", 0)] = "m0"
    return names


def read_zones(w: Lines, v: Variant) -> None:
    """The zoneout masks of step `step`."""
    for i in v.step.zones:
        w.load(f"z{i}", f"Z{i} + step * (B * H) + place")


def wait(w: Lines, v: Variant) -> None:
    """Until all programs of these rows have arrived as often as this one."""
    if v.meets:
        _inline(w, _WAIT, "=r,l,r", "counter, goal")
        w("tl.debug_barrier()")


def arrive(w: Lines, v: Variant) -> None:
    """Tell the programs of these rows that this step is done."""
    if v.meets:
        w("tl.debug_barrier()")
        _inline(w, _ARRIVE, "=r,l", "counter")
        w("goal += tl.num_programs(0)")


def _inline(w: Lines, code: str, constraints: str, arguments: str) -> None:
    w.open("tl.inline_asm_elementwise(")
    w(f"{code!r}, {constraints!r}, [{arguments}],")
    w("dtype=tl.int32, is_pure=False, pack=1)")
    w.close()


def dot(w: Lines, v: Variant, name: str, a: str, b: str, start: str) -> None:
    """A product of two tiles, added to a third."""
    options = f"input_precision={v.precision!r}, out_dtype={w.dtype}"
    w(f"{name} = tl.dot({a}, {b}, {start}, {options})")


def chunks(w: Lines, v: Variant, depth: str) -> Iterator[str]:
    """Steps through a product's inner dimension, for each of which lines are to be written; gives
    what the names of its weights end in."""
    if v.resident:
        for chunk in range(v.resident):
            w(f"start = {chunk * v.parts} * BK")
            _columns(w, v, depth)
            yield f"_{chunk}"
    else:
        w.open(f"for start in range(0, {depth}, {v.parts} * BK):")
        _columns(w, v, depth)
        yield ""
        w.close()


def _columns(w: Lines, v: Variant, depth: str) -> None:
    """Which columns a step takes, and where they are inside. With several parts each is another
    range of columns, for other warps."""
    if v.parts == 1:
        w("columns = start + tl.arange(0, BK)")
        w("across, down = columns[None, :], columns[:, None]")
        w("row_at, unit_at = rows[:, None], units[None, :]")
        w("row_in, unit_in = row_mask, unit_mask")
    else:
        w(f"columns = tl.arange(0, {v.parts})[:, None] * BK + tl.arange(0, BK)[None, :] + start")
        w("across, down = columns[:, None, :], columns[:, :, None]")
        w("row_at, unit_at = rows[None, :, None], units[None, None, :]")
        w("row_in, unit_in = (rows < B)[None, :, None], (units < H)[None, None, :]")
    w(f"across_in, down_in = across < {depth}, down < {depth}")


def zero_sum(w: Lines, v: Variant, name: str, start: str | None = None) -> None:
    """Before a product: the sum that it begins with."""
    if v.parts == 1:
        w(f"{name} = {start or w.tile('0.0')}")
    else:
        w(f"{name} = tl.full(({v.parts}, BB, BN), 0.0, {w.dtype})")


def sum_parts(w: Lines, v: Variant, name: str, start: str | None = None) -> None:
    """After a product: add its parts up."""
    if v.parts == 1:
        return
    w(f"{name} = tl.permute({name}, (1, 2, 0))")
    left = v.parts
    while left > 1:
        left //= 2
        shape = f"(BB, BN, {left}, 2)" if left > 1 else "(BB, BN, 2)"
        w(f"{name}_a, {name}_b = tl.split(tl.reshape({name}, {shape}))")
        w(f"{name} = {name}_a + {name}_b")
    if start is not None:
        w(f"{name} += {start}")


def saved_at(v: Variant, index: int) -> str:
    """Where a saved value lies: the first ones where the gate inputs stood."""
    gates = v.step.gates
    if index < gates:
        return f"x_at + gate_place + {index} * H"
    return f"Saves + step * (B * {v.plan.extra_saves} * H) + save_place + {index - gates} * H"
