"""Sizes that are numbers or depend on how long a sequence is; the batch is 1 in C."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from elman.errors import ExportError
from elman.nn.graph import Shape

STEPS = "steps"  # the variable in C that stands for T


@dataclass(frozen=True)
class Size:
    """A sum of products of variables, each with a factor.

    >>> size = of(("T", "B", 8)) + fixed(3)
    >>> size.c, (size * of(("T",))).c, of(("T-1",)).c
    ('8 * steps + 3', '8 * steps * steps + 3 * steps', 'steps_less_1')
    """

    terms: tuple[tuple[tuple[str, ...], int], ...]

    @property
    def number(self) -> int | None:
        """The number, where it does not depend on a variable."""
        if not self.terms:
            return 0
        (names, factor), *rest = self.terms
        return None if names or rest else factor

    @property
    def variables(self) -> set[str]:
        """The variables in C that it depends on."""
        return {name for names, _ in self.terms for name in names}

    @property
    def c(self) -> str:
        """The size in C."""
        texts = [
            " * ".join([*([str(factor)] if factor != 1 or not names else []), *names])
            for names, factor in self.terms
        ]
        return " + ".join(texts) or "0"

    def __add__(self, other: "Size") -> "Size":
        return _collected((*self.terms, *other.terms))

    def __mul__(self, other: "Size") -> "Size":
        return _collected(
            (tuple(sorted((*names, *more))), a * b)
            for names, a in self.terms
            for more, b in other.terms
        )


def fixed(number: int) -> Size:
    """A number."""
    return _collected([((), number)])


def _collected(terms: Iterable[tuple[tuple[str, ...], int]]) -> Size:
    sums: dict[tuple[str, ...], int] = {}
    for names, factor in terms:
        sums[names] = sums.get(names, 0) + factor
    ordered = sorted(sums, key=lambda names: (-len(names), names))
    return Size(tuple((names, sums[names]) for names in ordered if sums[names]))


ONE, ZERO = fixed(1), fixed(0)


def dimension(size: int | str) -> Size:
    """One size of a shape: a number, a letter such as "T", a product "T*B", or "T-1"."""
    if isinstance(size, int):
        return fixed(size)
    result = ONE
    for part in size.replace(" ", "").split("*"):
        if part.isdigit():
            result *= fixed(int(part))
        elif part != "B":
            result *= Size((((variable(part),), 1),))
    return result


def variable(letter: str) -> str:
    """The variable in C of a letter, or of a letter less a number, at least 0.

    >>> variable("T"), variable("S"), variable("T-2")
    ('steps', 's_steps', 'steps_less_2')
    """
    found = re.fullmatch(r"([A-Z])(?:-(\d+))?", letter)
    if not found:
        raise ExportError(f'a size "{letter[:40]}" has no form in C')
    base = STEPS if found[1] == "T" else f"{found[1].lower()}_{STEPS}"
    return f"{base}_less_{found[2]}" if found[2] else base


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


def definitions(names: Iterable[str]) -> list[str]:
    """Statements that define the variables that are a letter less a number.

    >>> definitions({"steps", "steps_less_1"})
    ['const size_t steps_less_1 = steps > 1 ? steps - 1 : 0;']
    """
    lines = []
    for name in sorted(set(names)):
        base, _, less = name.partition("_less_")
        if less:
            lines.append(f"const size_t {name} = {base} > {less} ? {base} - {less} : 0;")
    return lines
