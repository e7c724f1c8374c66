"""Layer normalisation of a step's recurrent products (Ba et al. 2016), forward and backward.

A row u becomes (u - mean) / deviation in its place in `U`; gain and bias follow with the cell's
equations. Both passes are over whole rows, after all panels of the step.
"""

from collections.abc import Callable
from typing import Any

from elman.compiler.cpu.arguments import Group, Step
from elman.compiler.cpu.emit import Code

EPSILON = 1e-5  # as torch.nn.functional.layer_norm has it


def forward(
    group: Group, place: Callable[[Any, int, Any], Any], here: Step, *, saving: bool
) -> None:
    """Normalise the rows of a step; `place(m, 0, 0)` is where row m begins."""
    code, size = group.code, _width(group)
    with code.loop(0, here.rows) as m:
        start = place(m, 0, code.whole(0))
        mean, inverse = _moments(code, "U", start, size)
        for column, mask in code.vectors(size):
            at = code.add(start, column)
            value = code.b.fsub(code.load(code["U"], at, mask), code.splat(mean))
            code.store(code.b.fmul(value, code.splat(inverse)), code["U"], at, mask)
        if saving:
            code.store_scalar(inverse, code["Rstd"], code.add(here.at, m))


def of_inputs(group: Group, first: Any, rows: Any) -> None:
    """Normalise rows of gate inputs, all gates of a row together, then gain and shift."""
    code = group.code
    size = code.mul(code["hidden"], group.plan.step.gates)
    with code.loop(first, code.add(first, rows)) as row:
        start = code.mul(row, size)
        mean, inverse = _moments(code, "X", start, size)
        for column, mask in code.vectors(size):
            at = code.add(start, column)
            value = code.b.fsub(code.load(code["X"], at, mask), code.splat(mean))
            value = code.b.fmul(value, code.splat(inverse))
            gain, shift = (code.load(code[n], column, mask) for n in ("InputGain", "InputShift"))
            code.store(code.fma(value, gain, shift), code["X"], at, mask)


def backward(group: Group, here: Step) -> None:
    """Turn the gradients of the normalised products, in `Dr`, into those of the products."""
    code, size = group.code, _width(group)
    sums = code.mul(code["group"], size)
    with code.loop(0, here.rows) as m:
        row = code.add(here.at, m)
        start = code.mul(row, size)
        for column, mask in code.vectors(size):
            d = code.load(code["Dr"], code.add(start, column), mask)
            u = code.load(code["U"], code.add(start, column), mask)
            at = code.add(sums, column)
            code.store(code.fma(d, u, code.load(code["Dgain"], at, mask)), code["Dgain"], at, mask)
            shift = code.b.fadd(d, code.load(code["Dshift"], at, mask))
            code.store(shift, code["Dshift"], at, mask)
            gained = code.b.fmul(d, code.load(code["Gain"], column, mask))
            code.store(gained, code["Dr"], code.add(start, column), mask)
        number = _number(code, size)
        mean = code.splat(
            code.b.fdiv(_total(code, size, [start], lambda d: d, names=("Dr",)), number)
        )
        along = code.splat(
            code.b.fdiv(_total(code, size, [start, start], code.b.fmul, names=("Dr", "U")), number)
        )
        scale = code.splat(code.load_scalar(code["Rstd"], row))
        for column, mask in code.vectors(size):
            at = code.add(start, column)
            d, u = code.load(code["Dr"], at, mask), code.load(code["U"], at, mask)
            value = code.b.fsub(code.b.fsub(d, mean), code.b.fmul(u, along))
            code.store(code.b.fmul(value, scale), code["Dr"], at, mask)


def _moments(code: Code, name: str, start: Any, size: Any) -> tuple[Any, Any]:
    """Of a row its mean, and 1 over its deviation."""
    mean = code.b.fdiv(_total(code, size, [start], lambda u: u, names=(name,)), _number(code, size))
    wide = code.splat(mean)

    def square(u: Any) -> Any:
        apart = code.b.fsub(u, wide)
        return code.b.fmul(apart, apart)

    total = _total(code, size, [start], square, names=(name,))
    variance = code.b.fdiv(total, _number(code, size))
    root = code.square_root(code.b.fadd(variance, code.number(EPSILON)))
    return mean, code.b.fdiv(code.number(1.0), root)


def _width(group: Group) -> Any:
    return group.code.mul(group.code["hidden"], len(group.plan.step.recurrent))


def _number(code: Code, size: Any) -> Any:
    return code.b.sitofp(size, code.scalar)


def _total(
    code: Code,
    size: Any,
    starts: list[Any],
    term: Callable[..., Any],
    names: tuple[str, ...] = ("U",),
) -> Any:
    """The sum over a row of a term of its values."""

    def terms(column: Any, mask: Any) -> list[Any]:
        values = [
            code.load(code[name], code.add(start, column), mask)
            for name, start in zip(names, starts, strict=True)
        ]
        return [term(*values)]

    return code.totals(size, 1, terms)[0]
