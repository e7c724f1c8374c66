"""The backward kernel's text."""

from elman.compiler.expression import Node, order, read
from elman.compiler.gpu import fragments
from elman.compiler.gpu.source import Lines
from elman.compiler.gpu.variant import Variant, new_needed


def pointers(v: Variant) -> list[str]:
    """The tensors that the kernel takes, besides those of the forward kernel.

    - `F` the gradients of a state's results (T, B, H).
    - `D` those of the states (B, H) after the last step of a launch, and then before its first;
      `Dinitial` of the states after resets, `Dp` of the parameters: to these it adds.
    - `X` takes the gradients of the gate inputs, `Dr` (T, B, Q*H) those of the recurrent products
      where they differ.
    """
    step = v.step
    names = ["X"] + ["Saves"] * bool(v.plan.extra_saves)
    if v.products:
        names += ["R"] + ["Dr"] * (not v.plan.shared)
    names += [f"S{i}" for i in range(step.states)]
    names += [f"O{i}" for i in v.outs] + [f"F{i}" for i in v.flows]
    names += [f"D{i}" for i in range(step.states)]
    names += [f"P{i}" for i in range(step.params)] + [f"Dp{i}" for i in range(step.params)]
    names += [f"Z{i}" for i in step.zones] + ["M"] * step.masked
    names += ["Lengths"] * v.lengths
    if v.resets:
        names += ["Resets", *(f"Dinitial{i}" for i in range(step.states))]
    return names + ["Count"] * v.meets


def source(v: Variant) -> str:
    """A function `backward`. Steps are counted from the last one back."""
    w, step, plan = Lines(double=v.double), v.step, v.plan
    fragments.begin(w, v, "backward", pointers(v))
    if v.products and not plan.shared:
        w(f"product_place = rows[:, None] * ({v.products} * H) + units[None, :]")
        w(f"product_size = B * {v.products} * H")
    for i in range(step.states):
        w.load(f"g{i}", f"D{i} + place")
        if v.resets:
            w.load(f"anew{i}", f"Dinitial{i} + place")
    for i in range(step.params):
        w.load(f"dp{i}", f"Dp{i} + place")
    if v.lone and v.products:
        _lone_weights(w, v)
    elif v.products and v.resident:
        for chunk in fragments.chunks(w, v, f"({v.products} * H)"):
            _weights(w, chunk)
    w.open(f"for j in tl.range(first, last, num_stages={v.ahead}):")
    w("s = T - 1 - j")
    fragments.find_step(w, v)
    names = _read(w, v)
    fragments.read_borders(w, v, "j > 0")
    if v.products:
        (_lone_products if v.lone else _products)(w, v)
        if v.resets or v.lengths:
            w(f"back = {'f0 * m0' if step.masked else 'f0'}")
    if v.resets:
        for i in range(step.states):
            whole = f"g{i} + back" if i == 0 and v.products else f"g{i}"
            w(f"anew{i} += tl.where(fresh, {whole}, 0.0)")
            w(f"g{i} = tl.where(fresh, 0.0, g{i})")
        if v.products:
            w("f0 = tl.where(fresh, 0.0, f0)")
            w("back = tl.where(fresh, 0.0, back)")
    for i in range(step.states):
        w(f"d{i} = g{i} + flow{i}" if i in v.flows else f"d{i} = g{i}")
        names[read("d", i)] = f"d{i}"
    if v.products:
        names[read("f", 0)] = "f0"
    names = w.emit(plan.gradients, names)
    _store(w, v, names)
    if v.products and not v.lone:
        fragments.arrive(w, v)
    w.close()
    for i in range(step.states):
        w(f"tl.store(D{i} + place, g{i}, mask=mask)")
        if v.resets:
            w(f"tl.store(Dinitial{i} + place, anew{i}, mask=mask)")
    for i in range(step.params):
        w(f"tl.store(Dp{i} + place, dp{i}, mask=mask)")
    w.close()
    return w.text


def _read(w: Lines, v: Variant) -> dict[Node, str]:
    """What the gradient uses of this step."""
    step, plan, names = v.step, v.plan, fragments.constants(v)
    reached = set(order(plan.gradients, {*plan.saves, *step.new}))
    for index, node in enumerate(plan.saves):
        w.load(f"k{index}", fragments.saved_at(v, index))
        names[node] = f"k{index}"
    for i in range(step.states):
        old = read("s", i)
        if old in reached or old in step.new:
            w.load(f"s{i}", f"S{i} + before_at + place")
            names[old] = f"s{i}"
    for i in new_needed(v.step):
        at = f"O{i} + step * (B * H)" if i in v.outs else f"S{i} + after_at"
        w.load(f"n{i}", f"{at} + place")
        names.setdefault(step.new[i], f"n{i}")
    for i in v.flows:
        w.load(f"flow{i}", f"F{i} + step * (B * H) + place")
    fragments.read_zones(w, v)
    return names


def _lone_weights(w: Lines, v: Variant) -> None:
    w("columns = tl.arange(0, BN)")
    for q in range(v.products):
        at = f"R + ({q} * H + columns[:, None]) * H + units[None, :]"
        w.load(f"w{q}", at, "(columns < H)[:, None] & unit_mask")
        w(f"dr{q} = {w.tile('0.0')}")


def _lone_products(w: Lines, v: Variant) -> None:
    w(f"f0 = {w.tile('0.0')}")
    for q in range(v.products):
        fragments.dot(w, v, "f0", f"dr{q}", f"w{q}", "f0")


def _products(w: Lines, v: Variant) -> None:
    fragments.zero_sum(w, v, "f0")
    fragments.wait(w, v)
    source, depth = ("X" if v.plan.shared else "Dr"), f"({v.products} * H)"
    w(f"d_at = {source} + tl.cast(following, tl.int64) * (B * {depth})")
    for chunk in fragments.chunks(w, v, depth):
        if not v.resident:
            _weights(w, chunk)
        place, mask = f"d_at + row_at * {depth} + across", "row_in & across_in & (j > 0)"
        w(f"a = tl.load({place}, mask={mask}, other=0.0, cache_modifier='.cg')")
        fragments.dot(w, v, "f0", "a", f"w{chunk}", "f0")
    fragments.sum_parts(w, v, "f0")


def _weights(w: Lines, chunk: str) -> None:
    w.load(f"w{chunk}", "R + down * H + unit_at", "down_in & unit_in")


def _store(w: Lines, v: Variant, names: dict[Node, str]) -> None:
    step, plan = v.step, v.plan

    def value(node: Node | None) -> str:
        if node is None:
            return w.tile("0.0")
        whole = f"tl.broadcast_to({names[node]}, (BB, BN))"
        return f"tl.where(live, {whole}, 0.0)" if v.lengths else whole

    for g, node in enumerate(plan.dx):
        w(f"e{g} = {value(node)}")
        w(f"tl.store(x_at + gate_place + {g} * H, e{g}, mask=mask)")
    if v.products and not plan.shared:
        for q, node in enumerate(plan.dr):
            w(f"dr{q} = {value(node)}")
            at = "Dr + step * product_size + product_place"
            w(f"tl.store({at} + {q} * H, dr{q}, mask=mask)")
    for q in range(v.products * v.lone):  # beyond the units there may be NaN
        w(f"dr{q} = tl.where(unit_mask, {'e' if plan.shared else 'dr'}{q}, 0.0)")
    for i, node in enumerate(plan.dp):
        if node is not None:
            w(f"dp{i} += {value(node)}")
    for i, node in enumerate(plan.ds):
        old = f"g{i} + back" if i == 0 and v.products else f"g{i}"
        own = w.tile("0.0") if node is None else f"tl.broadcast_to({names[node]}, (BB, BN))"
        w(f"h{i} = tl.where(live, {own}, {old})" if v.lengths else f"h{i} = {own}")
    for i in range(step.states):
        w(f"g{i} = h{i}")
