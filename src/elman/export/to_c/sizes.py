"""Sizes that are numbers or depend on the number of steps: polynomials in T, the batch being 1."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from elman.errors import ExportError
from elman.nn.graph import Shape


@dataclass(frozen=True)
class Size:
    """c0 + c1 * T + c2 * T * T ...

    >>> size = of(("T", "B", 8)) + of((3,))
    >>> size, size.c, (size * of(("T",))).c
    (Size(terms=(3, 8)), '3 + 8 * steps', '3 * steps + 8 * steps * steps')
    """

    terms: tuple[int, ...]

    @property
    def fixed(self) -> int | None:
        """The number, where it does not depend on T."""
        return (self.terms or (0,))[0] if len(self.terms) <= 1 else None

    def at(self, steps: int) -> int:
        """The number for so many steps."""
        return sum(factor * steps**power for power, factor in enumerate(self.terms))

    @property
    def c(self) -> str:
        """The size in C."""
        texts = []
        for power, factor in enumerate(self.terms):
            if factor:
                factors = [str(factor)] if factor != 1 or not power else []
                texts.append(" * ".join([*factors, *["steps"] * power]))
        return " + ".join(texts) or "0"

    def __add__(self, other: "Size") -> "Size":
        count = max(len(self.terms), len(other.terms))
        own, more = (each.terms + (0,) * (count - len(each.terms)) for each in (self, other))
        return _trimmed(a + b for a, b in zip(own, more, strict=True))

    def __mul__(self, other: "Size") -> "Size":
        terms = [0] * (len(self.terms) + len(other.terms))
        for i, a in enumerate(self.terms):
            for j, b in enumerate(other.terms):
                terms[i + j] += a * b
        return _trimmed(terms)


ONE = Size((1,))
ZERO = Size(())


def _trimmed(terms: Iterable[int]) -> Size:
    kept = list(terms)
    while kept and kept[-1] == 0:
        kept.pop()
    return Size(tuple(kept))


def dimension(size: int | str) -> Size:
    """One size of a shape: a number, "T", "B" or a product such as "T*B"."""
    if isinstance(size, int):
        return _trimmed([size])
    result = ONE
    for factor in size.split("*"):
        factor = factor.strip()
        if factor.isdigit():
            result *= _trimmed([int(factor)])
        elif factor == "T":
            result *= Size((0, 1))
        elif factor != "B":
            raise ExportError(f'a size "{size}" has no form in C: T and B alone are known there')
    return result


def dimensions(shape: Shape) -> tuple[Size, ...]:
    """Each size of a shape."""
    return tuple(dimension(size) for size in shape)


def of(shape: Shape) -> Size:
    """How many elements a value of this shape has."""
    return prod(dimensions(shape), start=ONE)


def strides(sizes: Iterable[Size]) -> tuple[Size, ...]:
    """How far apart, in elements, neighbours along each dimension lie."""
    result, step = [], ONE
    for size in reversed(tuple(sizes)):
        result.append(step)
        step *= size
    return tuple(reversed(result))
