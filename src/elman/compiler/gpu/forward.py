"""The forward kernel's text."""

from elman.compiler.expression import Input, Node, order, read
from elman.compiler.gpu import fragments
from elman.compiler.gpu.source import Lines
from elman.compiler.gpu.variant import Variant


def pointers(v: Variant) -> list[str]:
    """The tensors that the kernel takes.

    - `X` the gate inputs (T, B, G*H), over which the first saves are written, `Saves` the others.
    - `R` the recurrent matrix (Q*H, H), `Bias` (Q*H,).
    - `S` of each kept state a sequence (T + 1, B, H): before the first step, then after each, in
      reverse if time runs so. After a reset it holds what the next step starts from. `Feed` the
      same of what the recurrent matrix multiplies, where that is not the first state.
    - `C` each state (B, H): before the first step of a launch, and then after its last.
    - `O` sequences of results (T, B, H), 0 on padding. `I` the state after a reset.
    """
    step = v.step
    names = ["X"]
    if v.saving and v.plan.extra_saves:
        names.append("Saves")
    if v.products:
        names += ["R"] + ["Bias"] * v.added
    names += [f"S{i}" for i in range(v.kept)]
    names += [f"C{i}" for i in range(step.states)]
    names += [f"O{i}" for i in v.outs]
    names += [f"P{i}" for i in range(step.params)] + [f"Z{i}" for i in step.zones]
    names += ["M", "Feed"] * step.masked
    names += ["Lengths"] * v.lengths
    if v.resets:
        names += ["Resets", *(f"I{i}" for i in range(step.states))]
    return names + ["Count"] * v.meets


def source(v: Variant) -> str:
    """A function `forward`."""
    w, step, plan = Lines(double=v.double), v.step, v.plan
    fragments.begin(w, v, "forward", pointers(v))
    for i in range(step.states):
        w.load(f"s{i}", f"C{i} + place")
        if v.resets:
            w.load(f"i{i}", f"I{i} + place")
    for q in range(v.products * v.added):
        w.load(f"b{q}", f"Bias + {q} * H + units", "units < H")
    if v.lone and v.products:
        _lone_weights(w, v)
    elif v.products and v.resident:
        for chunk in fragments.chunks(w, v, "H"):
            _weights(w, v, chunk)
    w.open(f"for s in tl.range(first, last, num_stages={v.ahead}):")
    fragments.find_step(w, v)
    names = fragments.constants(v) | {read("s", i): f"s{i}" for i in range(step.states)}
    outputs = (*step.new, *(plan.saves if v.saving else ()))
    used = {n.leaf for n in order(outputs) if isinstance(n.leaf, Input)}
    for g in range(step.gates):
        if Input("x", g) in used:
            w.load(f"x{g}", f"x_at + gate_place + {g} * H")
            names[read("x", g)] = f"x{g}"
    fragments.read_zones(w, v)
    fragments.read_borders(w, v, "s + 1 < T")
    if v.products:
        (_lone_products if v.lone else _products)(w, v)
        names |= {read("r", q): f"r{q}" for q in range(v.products)}
    names = w.emit(outputs, names)
    _store(w, v, names)
    if v.products and not v.lone:
        fragments.arrive(w, v)
    w.close()
    for i in range(step.states):
        w(f"tl.store(C{i} + place, s{i}, mask=mask)")
    w.close()
    return w.text


def _lone_weights(w: Lines, v: Variant) -> None:
    w("columns = tl.arange(0, BN)")
    for q in range(v.products):
        at = f"R + ({q} * H + units[None, :]) * H + columns[:, None]"
        w.load(f"w{q}", at, "(columns < H)[:, None] & unit_mask")


def _lone_products(w: Lines, v: Variant) -> None:
    feed = "s0 * m0" if v.step.masked else "s0"
    w(f"feed = tl.where(unit_mask, {feed}, 0.0)")  # beyond the units there may be NaN
    for q in range(v.products):
        start = f"tl.broadcast_to(b{q}[None, :], (BB, BN))" if v.added else w.tile("0.0")
        fragments.dot(w, v, f"r{q}", "feed", f"w{q}", start)


def _products(w: Lines, v: Variant) -> None:
    starts = [f"b{q}[None, :]" if v.added else None for q in range(v.products)]
    for q, start in enumerate(starts):
        fragments.zero_sum(w, v, f"r{q}", start and f"tl.broadcast_to({start}, (BB, BN))")
    fragments.wait(w, v)
    w(f"feed_at = {'Feed' if v.step.masked else 'S0'} + before_at")
    for chunk in fragments.chunks(w, v, "H"):
        if not v.resident:
            _weights(w, v, chunk)
        place = "feed_at + row_at * H + across"
        w(f"a = tl.load({place}, mask=row_in & across_in, other=0.0, cache_modifier='.cg')")
        for q in range(v.products):
            fragments.dot(w, v, f"r{q}", "a", f"w{q}{chunk}", f"r{q}")
    for q, start in enumerate(starts):
        fragments.sum_parts(w, v, f"r{q}", start)


def _weights(w: Lines, v: Variant, chunk: str) -> None:
    for q in range(v.products):
        w.load(f"w{q}{chunk}", f"R + ({q} * H + unit_at) * H + down", "down_in & unit_in")


def _store(w: Lines, v: Variant, names: dict[Node, str]) -> None:
    step = v.step
    if v.saving:
        for index, node in enumerate(v.plan.saves):
            w(f"tl.store({fragments.saved_at(v, index)}, {names[node]}, mask=mask)")
    for i, node in enumerate(step.new):
        w(f"n{i} = tl.broadcast_to({names[node]}, (BB, BN))")
    for i in v.outs:
        value = f"tl.where(live, n{i}, 0.0)" if v.lengths else f"n{i}"
        w(f"tl.store(O{i} + step * (B * H) + place, {value}, mask=mask)")
    for i in range(step.states):
        value = f"tl.where(live, n{i}, s{i})" if v.lengths else f"n{i}"
        value = f"tl.where(fresh, i{i}, {value})" if v.resets else value
        w(f"n{i} = {value}")
    for i in range(step.states):
        w(f"s{i} = n{i}")
    for i in range(v.kept):
        w(f"tl.store(S{i} + after_at + place, s{i}, mask=mask)")
    if step.masked:
        w("tl.store(Feed + after_at + place, s0 * m0, mask=mask)")
