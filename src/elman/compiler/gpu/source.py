"""Expressions as lines of Triton, on tiles of (rows, units)."""

import math
from collections.abc import Iterable, Mapping

from elman.compiler.expression import Node, order

_BINARY = {"add": "+", "sub": "-", "mul": "*", "div": "/", "and": "&", "or": "|"}
_BINARY |= {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
_UNARY = {
    "neg": "-{a}",
    "not": "~{a}",
    "abs": "tl.abs({a})",
    "exp": "tl.exp({a})",
    "log": "tl.log({a})",
    "sqrt": "tl.sqrt({a})",
    "sin": "tl.sin({a})",
    "cos": "tl.cos({a})",
    "relu": "tl.where({a} <= 0.0, 0.0, {a})",  # NaN stays
    "sigmoid": "1.0 / (1.0 + tl.exp(-{a}))",
}
# Near 0 the difference of exponentials loses what a polynomial keeps: Cephes' tanhf.
_TANH = (
    -5.70498872745e-3,
    2.06390887954e-2,
    -5.37397155531e-2,
    1.33314422036e-1,
    -3.33332819422e-1,
)


class Lines:
    """A kernel's text being written."""

    def __init__(self, *, double: bool) -> None:
        self.double, self.dtype = double, "tl.float64" if double else "tl.float32"
        self._lines: list[str] = []
        self._depth, self._count = 0, 0

    def __call__(self, line: str) -> None:
        """One more line."""
        self._lines.append("    " * self._depth + line)

    def open(self, line: str) -> None:
        """A line that what follows belongs to, until `close`."""
        self(line)
        self._depth += 1

    def close(self) -> None:
        """Back to the level before."""
        self._depth -= 1

    @property
    def text(self) -> str:
        """All lines."""
        return "\n".join(self._lines) + "\n"

    def tile(self, value: str) -> str:
        """A tile full of a number."""
        return f"tl.full((BB, BN), {value}, {self.dtype})"

    def load(self, name: str, pointer: str, mask: str = "mask", *, like: str = "0.0") -> None:
        """Read a tile, `like` where the mask is false."""
        self(f"{name} = tl.load({pointer}, mask={mask}, other={like})")

    def emit(self, outputs: Iterable[Node], known: Mapping[Node, str]) -> dict[Node, str]:
        """Compute the outputs from what is known; the names of all values."""
        names = dict(known)
        for node in order(outputs, names):
            if node in names:
                continue
            name = f"v{self._count}"
            self._count += 1
            self._one(name, node, [names[arg] for arg in node.args])
            names[node] = name
        return names

    def _one(self, name: str, node: Node, args: list[str]) -> None:
        a, b, c = [*args, "", "", ""][:3]
        match node.op:
            case "const":
                self(f"{name} = {self.tile(_number(node.leaf))}")
            case "maximum" | "minimum":  # NaN of either stays
                sign = ">" if node.op == "maximum" else "<"
                self(f"{name} = tl.where(({a} {sign} {b}) | ({a} != {a}), {a}, {b})")
            case "where":
                self(f"{name} = tl.where({a}, {b}, {c})")
            case "tanh":
                self._tanh(name, a)
            case "softplus":
                self._softplus(name, a)
            case op if op in _UNARY:
                self(f"{name} = {_UNARY[op].format(a=a)}")
            case op:
                self(f"{name} = {a} {_BINARY[op]} {b}")

    def _tanh(self, name: str, a: str) -> None:
        size, fall = f"{name}_size", f"{name}_fall"
        self(f"{size} = tl.abs({a})")
        self(f"{fall} = tl.exp(-2.0 * {size})")
        self(f"{name} = (1.0 - {fall}) / (1.0 + {fall})")
        self(f"{name} = tl.where({a} < 0.0, -{name}, {name})")
        if not self.double:
            first, *rest = _TANH
            sum_ = f"{first!r}"
            for each in rest:
                sum_ = f"({sum_} * {name}_square + {each!r})"
            self(f"{name}_square = {a} * {a}")
            self(f"{name}_near = {a} + {a} * {name}_square * {sum_}")
            self(f"{name} = tl.where({size} < 0.625, {name}_near, {name})")

    def _softplus(self, name: str, a: str) -> None:
        fall, whole = f"{name}_fall", f"{name}_whole"
        self(f"{fall} = tl.exp(-tl.abs({a}))")
        self(f"{whole} = 1.0 + {fall}")  # its rounding is made good below
        self(f"{name} = tl.log({whole}) * ({fall} / tl.where({whole} == 1.0, 1.0, {whole} - 1.0))")
        self(f"{name} = tl.where({whole} == 1.0, {fall}, {name}) + tl.where({a} <= 0.0, 0.0, {a})")
        self(f"{name} = tl.where({a} > 20.0, {a}, {name})")


def _number(value: object) -> str:
    assert isinstance(value, float)
    return repr(value) if math.isfinite(value) else f'float("{value!r}")'
