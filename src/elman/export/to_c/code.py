"""Statements of C being written, and loops over the elements of several arrays at once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from elman.export.code.operations import merged
from elman.export.code.sizes import ONE, ZERO, Size


class Code:
    """Lines with their indentation.

    >>> code = Code()
    >>> with code.block("if (a)"):
    ...     code.line("b = 0;")
    >>> print(code.text(), end="")
    if (a) {
        b = 0;
    }
    """

    def __init__(self, depth: int = 0) -> None:
        self._lines: list[str] = []
        self._depth, self._loops = depth, 0

    def line(self, text: str) -> None:
        """One statement; an empty one is left out."""
        if text:
            self._lines.append("    " * self._depth + text)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Lines in braces."""
        self.line(f"{head} {{" if head else "{")
        self._depth += 1
        yield
        self._depth -= 1
        self.line("}")

    @contextmanager
    def loop(self, size: Size) -> Iterator[str]:
        """A loop that counts from 0 to `size`; gives the counter, "0" where there is one turn."""
        if size.number == 1:
            yield "0"
            return
        name = f"i{self._loops}"
        self._loops += 1
        with self.block(f"for (size_t {name} = 0; {name} < {size.c}; {name}++)"):
            yield name

    @contextmanager
    def nest(self, shape: Sequence[Size], *strides: Sequence[Size]) -> Iterator[list[str]]:
        """Loops over a shape; gives for each operand, by its strides, the index of its element.

        Dimensions that lie side by side in every operand become one loop.
        """
        yield from self._nested(merged(shape, strides), ["0"] * len(strides))

    def _nested(
        self, dims: list[tuple[Size, list[Size]]], places: list[str]
    ) -> Iterator[list[str]]:
        if not dims:
            yield places
            return
        (size, steps), *rest = dims
        with self.loop(size) as counter:
            inner = [at(own, counter, step) for own, step in zip(places, steps, strict=True)]
            yield from self._nested(rest, inner)

    def text(self) -> str:
        """All lines."""
        return "".join(f"{line}\n" for line in self._lines)


def at(place: str, counter: str, step: Size = ONE) -> str:
    """An index or a pointer moved by `counter` steps.

    >>> from elman.export.code.sizes import fixed
    >>> at("x", "i0", fixed(8)), at("0", "i0"), at("x", "0")
    ('x + i0 * 8', 'i0', 'x')
    """
    if counter == "0" or step == ZERO:
        return place
    term = counter if step == ONE else f"{counter} * {factor(step)}"
    return term if place == "0" else f"{place} + {term}"


def factor(size: Size) -> str:
    """A size as a factor of a product."""
    return f"({size.c})" if " + " in size.c else size.c


def moved(place: str, offset: Size) -> str:
    """An index or a pointer moved by an offset."""
    return place if offset == ZERO else f"{place} + {offset.c}"
