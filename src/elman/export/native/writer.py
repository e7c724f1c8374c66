"""Writing the native code of a network: vectors with exact ends, sizes that depend on T."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.ir as ir

from elman.compiler.cpu.emit import I32, POINTER, Code
from elman.export.code.sizes import Size


class Writer(Code):
    """A function's code.

    All addresses lie inside what they begin at, so that a constant offset becomes part of the
    instruction.
    """

    def at(self, base: Any, offset: Any, kind: Any = None) -> Any:
        """Address of an element."""
        offset = self.whole(offset)
        return self.b.gep(base, [offset], inbounds=True, source_etype=kind or self.scalar)

    def size(self, size: Size) -> Any:
        """A size: a number, or a value that depends on arguments such as `steps`."""
        if size.number is not None:
            return size.number
        terms = ((factor, *map(self.length, names)) for names, factor in size.terms)
        return self.sum(*terms)

    def length(self, name: str) -> Any:
        """A variable by its name in C: `steps`, or `steps_less_2`, which is at least 0."""
        base, _, less = name.partition("_less_")
        if not less:
            return self[base]
        rest = self.sub(self[base], int(less))
        return self.b.select(self.less(rest, 0), self.whole(0), rest)

    def elements(self, count: Any) -> Iterator[Any]:
        """Write a loop over so many numbers: yields an offset, twice: for whole vectors and, with
        vectors of length 1, for what is left."""
        if self.lanes == 1:
            with self.loop(0, count) as at:
                yield at
            return
        lanes, is_known = self.lanes, isinstance(count, int)
        whole = (
            count - count % lanes
            if is_known
            else self.mul(self.b.udiv(count, self.whole(lanes)), lanes)
        )
        if not is_known or whole:
            with self.loop(0, whole, lanes) as at:
                yield at
        if not is_known or whole < count:
            with self.scalars(), self.loop(whole, count) as at:
                yield at

    @contextmanager
    def scalars(self) -> Iterator[None]:
        """Vectors have length 1 here."""
        lanes, vector, integers = self.lanes, self.vector, self.integers
        self.lanes = 1
        self.vector, self.integers = ir.VectorType(self.scalar, 1), ir.VectorType(I32, 1)
        yield
        self.lanes, self.vector, self.integers = lanes, vector, integers

    def copy_exact(self, source: Any, target: Any, count: Any) -> None:
        """Copy so many numbers."""
        for at in self.elements(count):
            self.store(self.load(source, at), target, at)

    def fill(self, target: Any, count: Any, value: float) -> None:
        """Set so many numbers."""
        for at in self.elements(count):
            self.store(self.splat(value), target, at)

    def moving(self, place: Any) -> Any:
        """An address that a loop carries, which the optimiser cannot take apart: so offsets to it
        stay parts of the instructions, which browsers do not find out for themselves."""
        kind = ir.FunctionType(POINTER, [POINTER])
        return self.b.call(ir.InlineAsm(kind, "", "=r,0"), [place])
