"""A function of LLVM IR being written: integers, memory, loops and vectors.

Mutable variables live on the stack; LLVM turns them into registers.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import llvmlite.ir as ir

I1, I32, I64 = (ir.IntType(bits) for bits in (1, 32, 64))
POINTER, VOID = ir.PointerType(), ir.VoidType()


@dataclass(frozen=True)
class Shape:
    """What the code is written for: number type, vector length and the registers there are."""

    double: bool
    lanes: int
    registers: int
    x86: bool  # there is a `pause`
    posix: bool  # there is a `sched_yield`
    team: bool  # there is an OpenMP runtime
    half: bool = False  # the products are of bfloat16 numbers, two at a time
    dots: bool = False  # the processor multiplies such pairs

    @property
    def size(self) -> int:
        """Bytes of a number."""
        return 8 if self.double else 4


class Code:
    """One function; its arguments are attributes by name, `b` is llvmlite's builder."""

    def __init__(
        self,
        module: ir.Module,
        shape: Shape,
        name: str,
        arguments: Sequence[tuple[str, ir.Type]],
        *,
        exported: bool = False,
        result: ir.Type = VOID,
    ) -> None:
        self.module, self.shape, self.lanes = module, shape, shape.lanes
        self.scalar = ir.DoubleType() if shape.double else ir.FloatType()
        self.vector = ir.VectorType(self.scalar, shape.lanes)
        self.integers = ir.VectorType(I64 if shape.double else I32, shape.lanes)
        kind = ir.FunctionType(result, [each for _, each in arguments])
        self.function = ir.Function(module, kind, name)
        if not exported:
            self.function.linkage = "internal"
        self.entry = ir.IRBuilder(self.function.append_basic_block("entry"))
        self._body = self.function.append_basic_block("body")
        self.b: Any = ir.IRBuilder(self._body)
        self.values: dict[str, Any] = {}
        for argument, (each, _) in zip(self.function.args, arguments, strict=True):
            argument.name = each
            self.values[each] = argument

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def finish(self, result: Any = None) -> Any:
        """Return, with a result if the function has one, and close the function."""
        if result is None:
            self.b.ret_void()
        else:
            self.b.ret(result)
        self.entry.branch(self._body)
        return self.function

    # integers

    def whole(self, value: Any) -> Any:
        """A 64-bit integer from a Python one; others as they are."""
        return ir.Constant(I64, value) if isinstance(value, int) else value

    def add(self, a: Any, b: Any) -> Any:
        """a + b."""
        return self.b.add(self.whole(a), self.whole(b))

    def sub(self, a: Any, b: Any) -> Any:
        """a - b."""
        return self.b.sub(self.whole(a), self.whole(b))

    def mul(self, a: Any, b: Any) -> Any:
        """a * b."""
        return self.b.mul(self.whole(a), self.whole(b))

    def sum(self, *terms: Any) -> Any:
        """Sum of terms, each a value or a tuple of factors."""
        total = None
        for term in terms:
            factors = term if isinstance(term, tuple) else (term,)
            product = self.whole(factors[0])
            for factor in factors[1:]:
                product = self.mul(product, factor)
            total = product if total is None else self.add(total, product)
        return total

    def least(self, a: Any, b: Any) -> Any:
        """The smaller one."""
        a, b = self.whole(a), self.whole(b)
        return self.b.select(self.less(a, b), a, b)

    def less(self, a: Any, b: Any) -> Any:
        """a < b."""
        return self.b.icmp_signed("<", self.whole(a), self.whole(b))

    def is_zero(self, a: Any) -> Any:
        """a == 0."""
        return self.b.icmp_signed("==", a, ir.Constant(a.type, 0))

    def is_given(self, pointer: Any) -> Any:
        """Whether an address is not 0."""
        return self.b.icmp_unsigned("!=", self.b.ptrtoint(pointer, I64), self.whole(0))

    def share(self, count: Any, part: Any, parts: Any) -> Any:
        """Where the share of `part` begins when `count` is split evenly among `parts`."""
        return self.b.udiv(self.mul(count, part), self.whole(parts))

    def quotient_up(self, a: Any, b: int) -> Any:
        """a / b, rounded up."""
        return self.b.udiv(self.add(a, b - 1), self.whole(b))

    # control

    @contextmanager
    def loop(self, start: Any, stop: Any, step: Any = 1) -> Iterator[Any]:
        """`for value in range(start, stop, step)`."""
        place = self.entry.alloca(I64)
        self.b.store(self.whole(start), place)
        head, body, end = (self.function.append_basic_block(n) for n in ("head", "loop", "end"))
        self.b.branch(head)
        self.b.position_at_end(head)
        value = self.b.load(place, typ=I64)
        self.b.cbranch(self.less(value, stop), body, end)
        self.b.position_at_end(body)
        yield value
        self.b.store(self.add(value, step), place)
        self.b.branch(head)
        self.b.position_at_end(end)

    @contextmanager
    def carrying(
        self, start: Any, stop: Any, step: int, values: list[Any]
    ) -> Iterator[tuple[Any, list[Any]]]:
        """The same loop with values that go from turn to turn: yields them in a list, in which the
        body leaves those of the next turn and, at the end, the last ones are found."""
        begin = self.b.block
        head, body, end = (self.function.append_basic_block(n) for n in ("head", "loop", "end"))
        self.b.branch(head)
        self.b.position_at_end(head)
        index = self.b.phi(I64)
        index.add_incoming(self.whole(start), begin)
        merged = [self.b.phi(each.type) for each in values]
        for phi, value in zip(merged, values, strict=True):
            phi.add_incoming(value, begin)
        self.b.cbranch(self.less(index, stop), body, end)
        self.b.position_at_end(body)
        values[:] = merged
        yield index, values
        index.add_incoming(self.add(index, step), self.b.block)
        for phi, value in zip(merged, values, strict=True):
            phi.add_incoming(value, self.b.block)
        self.b.branch(head)
        self.b.position_at_end(end)
        values[:] = merged

    def either(self, condition: Any) -> Iterator[bool]:
        """Write both branches: yields True, then False."""
        yes, no, end = (self.function.append_basic_block(n) for n in ("yes", "no", "join"))
        self.b.cbranch(condition, yes, no)
        for block, truth in ((yes, True), (no, False)):
            self.b.position_at_end(block)
            yield truth
            self.b.branch(end)
        self.b.position_at_end(end)

    def vectors(self, size: Any) -> Iterator[tuple[Any, Any]]:
        """Write a loop over a row of that size: yields a column and a mask, twice: for whole
        vectors (no mask) and for the tail."""
        with self.loop(0, size, self.lanes) as column:
            left = self.sub(size, column)
            for is_tail in self.either(self.less(left, self.lanes)):
                yield column, self.tail(left) if is_tail else None

    # memory

    def at(self, base: Any, offset: Any, kind: Any = None) -> Any:
        """Address of an element."""
        return self.b.gep(base, [self.whole(offset)], source_etype=kind or self.scalar)

    def load_int(self, base: Any, index: Any) -> Any:
        """An int64 of an array."""
        return self.b.load(self.at(base, index, I64), typ=I64)

    def prefetch(self, base: Any, offset: Any, cache: int = 2) -> None:
        """Have an element's line brought into the first or second cache."""
        function = self.external("llvm.prefetch.p0", VOID, [POINTER, I32, I32, I32])
        read, place, data = (ir.Constant(I32, number) for number in (0, 4 - cache, 1))
        self.b.call(function, [self.at(base, offset), read, place, data])

    def load_scalar(self, base: Any, offset: Any) -> Any:
        """One number."""
        return self.b.load(self.at(base, offset), typ=self.scalar, align=self.shape.size)

    def load(self, base: Any, offset: Any, mask: Any = None) -> Any:
        """A vector; lanes outside the mask are 0 and not read."""
        place, align = self.at(base, offset), self.shape.size
        if mask is None:
            return self.b.load(place, typ=self.vector, align=align)
        zero = ir.Constant(self.vector, None)
        kinds = [POINTER, I32, mask.type, self.vector]
        function = self.intrinsic("llvm.masked.load", self.vector, kinds, suffix=".p0")
        return self.b.call(function, [place, ir.Constant(I32, align), mask, zero])

    def store(self, value: Any, base: Any, offset: Any, mask: Any = None) -> None:
        """A vector; lanes outside the mask are not written."""
        place, align = self.at(base, offset), self.shape.size
        if mask is None:
            self.b.store(value, place, align=align)
            return
        kinds = [self.vector, POINTER, I32, mask.type]
        function = self.intrinsic("llvm.masked.store", VOID, kinds, suffix=".p0")
        self.b.call(function, [value, place, ir.Constant(I32, align), mask])

    def store_scalar(self, value: Any, base: Any, offset: Any) -> None:
        """One number."""
        self.b.store(value, self.at(base, offset), align=self.shape.size)

    def copy(
        self, source: Any, start: Any, target: Any, place: Any, size: Any, times: Any = None
    ) -> None:
        """Copy a row from one offset to another, multiplied by that of `times` if given."""
        for column, mask in self.vectors(size):
            at = self.add(start, column)
            value = self.load(source, at, mask)
            if times is not None:
                value = self.b.fmul(value, self.load(times, at, mask))
            self.store(value, target, self.add(place, column), mask)

    def tail(self, valid: Any) -> Any:
        """Mask of the lanes below `valid`."""
        kind = ir.VectorType(I32, self.lanes)
        count = self.spread(self.b.trunc(valid, I32), kind)
        return self.b.icmp_signed("<", ir.Constant(kind, list(range(self.lanes))), count)

    # vectors

    def splat(self, value: Any) -> Any:
        """A vector of one number."""
        if isinstance(value, int | float):
            return ir.Constant(self.vector, [float(value)] * self.lanes)
        return self.spread(value, self.vector)

    def number(self, value: float) -> Any:
        """One number."""
        return ir.Constant(self.scalar, value)

    def lane_sum(self, value: Any) -> Any:
        """The sum of a vector's lanes."""
        total = self.b.extract_element(value, ir.Constant(I32, 0))
        for lane in range(1, self.lanes):
            total = self.b.fadd(total, self.b.extract_element(value, ir.Constant(I32, lane)))
        return total

    def totals(
        self, size: Any, count: int, terms: Callable[[Any, Any], Sequence[Any]]
    ) -> list[Any]:
        """The sums over so many numbers of the `count` vectors that `terms` makes of a column and
        its mask."""
        places = [self.entry.alloca(self.vector) for _ in range(count)]
        for place in places:
            self.b.store(self.splat(0.0), place)
        for column, mask in self.vectors(size):
            for place, value in zip(places, terms(column, mask), strict=True):
                if mask is not None:  # what is not there counts as nothing
                    value = self.b.select(mask, value, self.splat(0.0))
                self.b.store(self.b.fadd(self.b.load(place, typ=self.vector), value), place)
        return [self.lane_sum(self.b.load(place, typ=self.vector)) for place in places]

    def square_root(self, value: Any) -> Any:
        """Of one number."""
        name = f"llvm.sqrt.f{8 * self.shape.size}"
        return self.b.call(self.external(name, self.scalar, [self.scalar]), [value])

    def spread(self, value: Any, kind: Any) -> Any:
        """A vector of that kind, one value in every lane."""
        nothing = ir.Constant(kind, ir.Undefined)
        first = self.b.insert_element(nothing, value, ir.Constant(I32, 0))
        lanes = ir.Constant(ir.VectorType(I32, self.lanes), [0] * self.lanes)
        return self.b.shuffle_vector(first, nothing, lanes)

    def intrinsic(self, name: str, result: Any, arguments: Sequence[Any], suffix: str = "") -> Any:
        """LLVM's function of that name for our vectors."""
        name = f"{name}.v{self.lanes}f{8 * self.shape.size}{suffix}"
        return self.external(name, result, arguments)

    def external(self, name: str, result: Any, arguments: Sequence[Any]) -> Any:
        """A function that is defined elsewhere."""
        found = self.module.globals.get(name)
        return found or ir.Function(self.module, ir.FunctionType(result, arguments), name)

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """a * b + c, in one instruction where there is one."""
        return self.b.call(
            self.intrinsic("llvm.fmuladd", self.vector, [self.vector] * 3), [a, b, c]
        )


class Arguments:
    """The block of int64 that a kernel is given: numbers, and addresses by names in capitals."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)

    def bind(self, code: Code, base: Any) -> None:
        """Load them all, as values of the code."""
        for index, name in enumerate(self.names):
            value = code.load_int(base, index)
            code.values[name] = code.b.inttoptr(value, POINTER) if name[0].isupper() else value


def meet(code: Code, step: Any) -> None:
    """Wait until all threads of a group have done so many steps."""
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
