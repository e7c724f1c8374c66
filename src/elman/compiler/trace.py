"""From a cell's `step` to its equations as an expression graph."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NoReturn

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.cells import Cell
from elman.compiler.expression import COMPARISONS, FUNCTIONS, Node, const, make, parse, read, text

Zone = float | None | str  # of a state: a rate, nothing, or "mask"


class UntraceableError(TypeError):
    """A step that is no fixed expression of elman.math; says what stood in the way."""


@dataclass(frozen=True)
class Equations:
    """One step of a recurrence: sizes, the new states, and what the recurrent matrix multiplies.

    Inputs of the expressions: `x g` and `r q` (gate inputs and recurrent products), `s i` (old
    states), `p i` (parameters), `z i` (zoneout masks), `m 0` (the mask on the recurrent input).
    """

    gates: int
    recurrent: tuple[int, ...]  # the gate of each recurrent product
    states: int
    params: int
    zones: tuple[int, ...]  # states with a zoneout mask
    masked: bool
    normed: bool  # the recurrent products are layer-normalised
    new: tuple[Node, ...]
    feed: Node

    @cached_property
    def _hash(self) -> int:
        return hash((self.gates, self.recurrent, self.zones, self.new, self.feed))

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        flags = (int(self.masked), int(self.normed))
        sizes = (self.gates, self.states, self.params, *flags)
        lists = (",".join(map(str, each)) or "-" for each in (self.recurrent, self.zones))
        return f"step {' '.join(map(str, sizes))} {' '.join(lists)}\n{text((*self.new, self.feed))}"


@cache
def parse_equations(lines: str) -> Equations:
    """The equations that `str` wrote."""
    head, body = lines.split("\n", 1)
    _, gates, states, params, masked, normed, *lists = head.split()
    recurrent, zones = (tuple(map(int, e.split(","))) if e != "-" else () for e in lists)
    *new, feed = parse(body)
    numbers = (int(gates), recurrent, int(states), int(params), zones)
    return Equations(*numbers, masked == "1", normed == "1", tuple(new), feed)


_traced: dict[Any, Equations | UntraceableError] = {}


def equations(
    cell: Cell, zoneout: tuple[Zone, ...] = (), *, masked: bool = False, normed: bool = False
) -> Equations:
    """Trace a cell, with zoneout, a mask on the recurrent input and layer normalisation of the
    recurrent products if asked.

    **Raises:** `UntraceableError`.
    """
    key = (type(cell), *cell.__dict__.items(), zoneout, masked, normed) if _is_plain(cell) else None
    found = _traced.get(key) if key is not None else None
    if found is None:
        try:
            found = _trace(cell, zoneout, masked, normed)
        except UntraceableError as error:
            found = error
        if key is not None:
            if len(_traced) > 1000:
                _traced.clear()
            _traced[key] = found
    if isinstance(found, UntraceableError):
        raise found
    return found


def _is_plain(cell: Cell) -> bool:
    """Whether a cell's settings are all numbers and texts, so that they can be compared."""
    return all(isinstance(v, int | float | str | None) for v in cell.__dict__.values())


def _trace(cell: Cell, zoneout: tuple[Zone, ...], masked: bool, normed: bool) -> Equations:
    new = _run(cell)
    if new != _run(cell):
        raise UntraceableError("its equations differ from call to call")
    zones = []
    for index, zone in enumerate(zoneout):
        if zone is None:
            continue
        if zone == "mask":
            zones.append(index)
        z = read("z", index) if zone == "mask" else const(float(zone))
        kept = make("mul", z, read("s", index))
        new[index] = make("add", kept, make("mul", make("sub", const(1), z), new[index]))
    gates = {name: index for index, name in enumerate(cell.gates)}
    return Equations(
        len(gates),
        tuple(gates[name] for name in cell.recurrent),
        len(cell.state),
        len(cell.params),
        tuple(zones),
        masked,
        normed and bool(cell.recurrent),
        tuple(new),
        make("mul", new[0], read("m", 0)) if masked else new[0],
    )


def _run(cell: Cell) -> list[Node]:
    def each(kind: str, count: int) -> tuple["Symbol", ...]:
        return tuple(Symbol(read(kind, index)) for index in range(count))

    sizes = (len(n) for n in (cell.gates, cell.recurrent, cell.state, cell.params))
    try:
        new = cell.advance(*(each(kind, size) for kind, size in zip("xrsp", sizes, strict=True)))
        return [_node(value) for value in new]
    except UntraceableError:
        raise
    except Exception as error:  # a user's step may fail on symbols in any way
        raise UntraceableError(f"its step fails on symbols: {error}") from error


class Symbol:
    """Stands for a tensor in a cell's step and records what is done with it."""

    __slots__ = ("node",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, node: Node) -> None:
        self.node = node

    def elman_math(self, name: str, *operands: Any) -> "Symbol":
        """Record a function of `elman.math`."""
        if name == "where" and not _node(operands[0]).is_condition:
            raise UntraceableError("where needs a comparison as its condition")
        return Symbol(make(name, *(_node(each) for each in operands)))

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> "Symbol":
        name = _TORCH.get(function)
        if name is None or kwargs:
            raise UntraceableError(f"it calls {getattr(function, '__name__', function)} of torch")
        return Symbol(make(name, *(_node(each) for each in args)))

    def __pow__(self, exponent: Any) -> "Symbol":
        if exponent == 0.5:
            return Symbol(make("sqrt", self.node))
        if not isinstance(exponent, int | float) or exponent not in range(1, 9):
            raise UntraceableError(f"powers are traced for 1 to 8 and 0.5, not for {exponent}")
        result = self.node
        for _ in range(int(exponent) - 1):
            result = make("mul", result, self.node)
        return Symbol(result)

    def __pos__(self) -> "Symbol":
        return self

    def __bool__(self) -> NoReturn:
        raise UntraceableError("it branches on a value; write elman.math.where")

    def __getattr__(self, name: str) -> Any:
        if name in _METHODS:
            return lambda *rest: self.elman_math(name, self, *rest)
        raise AttributeError(f"a traced value has no {name}")


_METHODS = (*FUNCTIONS, "abs", "relu", "maximum", "minimum")
_TORCH: dict[Any, str] = {
    **{getattr(torch, name): name for name in (*_METHODS, "where") if hasattr(torch, name)},
    **{getattr(Tensor, name): name for name in ("add", "sub", "mul", "div", *COMPARISONS)},
    **{getattr(torch, name): name for name in ("add", "sub", "mul", "div", "neg", *COMPARISONS)},
    F.softplus: "softplus",
    F.relu: "relu",
}


def _node(value: Any) -> Node:
    if isinstance(value, Symbol):
        return value.node
    if isinstance(value, bool):
        raise UntraceableError("it uses a fixed truth value")
    if isinstance(value, int | float) or (isinstance(value, Tensor) and value.dim() == 0):
        if isinstance(value, Tensor) and value.requires_grad:
            raise UntraceableError("it uses a trainable tensor of its own; declare it in params")
        return const(float(value))
    raise UntraceableError(f"it uses a {type(value).__name__} that is no gate, state or parameter")


def _operator(op: str, *, swapped: bool = False) -> Callable[[Symbol, Any], Symbol]:
    def apply(self: Symbol, other: Any) -> Symbol:
        a, b = self.node, _node(other)
        return Symbol(make(op, b, a) if swapped else make(op, a, b))

    return apply


for _name, _op in (("add", "add"), ("sub", "sub"), ("mul", "mul"), ("truediv", "div")):
    setattr(Symbol, f"__{_name}__", _operator(_op))
    setattr(Symbol, f"__r{_name}__", _operator(_op, swapped=True))
for _op in (*COMPARISONS, "and", "or"):
    setattr(Symbol, f"__{_op}__", _operator(_op))
for _name, _op in (("neg", "neg"), ("abs", "abs"), ("invert", "not")):
    setattr(Symbol, f"__{_name}__", lambda self, op=_op: Symbol(make(op, self.node)))
