"""One step of one direction of a recurrent layer as a C function."""

import numpy as np

from elman.compiler.expression import Input
from elman.compiler.trace import parse_equations
from elman.errors import ExportError
from elman.export.code.sizes import fixed
from elman.export.to_c.code import Code
from elman.export.to_c.expressions import statements
from elman.export.to_c.runtime import Runtime
from elman.export.to_c.weights import Weights
from elman.nn.graph import Array, Direction

EPSILON = 1e-5  # of the layer normalisation


def work(direction: Direction) -> int:
    """Floats that a step needs for what it computes on the way."""
    step = parse_equations(direction.equations)
    blocks = step.gates + len(step.recurrent) + (direction.weight_hr is not None)
    return blocks * direction.hidden_size


def function(name: str, direction: Direction, weights: Weights, runtime: Runtime) -> str:
    """The definition of `name(x, s0, s1..., work)`, which brings the states one step further."""
    step, base = parse_equations(direction.equations), name.removeprefix(runtime.prefix)
    hidden, gates, products = direction.hidden_size, step.gates, len(step.recurrent)
    projected = direction.weight_hr is not None
    code = Code(1)

    def share(kind: str, buffer: str, source: str, matrix: Array) -> None:
        gain, bias = getattr(direction, f"norm_{kind}"), getattr(direction, f"bias_{kind}")
        rows = len(matrix)
        if gain is None and bias is not None:
            fill(code, buffer, weights.vector(f"{base}_bias_{kind}", bias), rows)
        else:
            code.line(f"memset({buffer}, 0, {rows} * sizeof(float));")
        code.line(weights.product(f"{base}_weight_{kind}", matrix, source, buffer))
        if gain is not None:
            scale = weights.vector(f"{base}_norm_{kind}", gain)
            code.line(f"{runtime.use('layer_norm')}({buffer}, {scale}, {rows}, {EPSILON}f);")
            if bias is not None:
                shift = weights.vector(f"{base}_bias_{kind}", bias)
                with code.loop(fixed(rows)) as j:
                    code.line(f"{buffer}[{j}] += {shift}[{j}];")

    code.line("float *const gates = work;")
    share("ih", "gates", "x", direction.weight_ih)
    if direction.weight_hh is not None:
        code.line(f"float *const products = work + {gates * hidden};")
        share("hh", "products", "s0", direction.weight_hh)
    if projected:
        code.line(f"float *const raw = work + {(gates + products) * hidden};")

    def read(leaf: Input) -> str:
        match leaf.kind:
            case "x":
                return f"gates[{_at(leaf.index, hidden)}]"
            case "r":
                return f"products[{_at(leaf.index, hidden)}]"
            case "s" if leaf.index or not projected:
                return f"s{leaf.index}[j]"
            case "p":
                vector = weights.vector(f"{base}_param{leaf.index}", direction.params[leaf.index])
                return f"{vector}[j]"
        raise ExportError(f"equations that read {leaf.kind} {leaf.index} have no form in C")

    with code.block(f"for (size_t j = 0; j < {hidden}; j++)"):
        lines, new = statements(step.new, read, runtime.use)
        for line in lines:
            code.line(line)
        for index, value in enumerate(new):
            target = "raw" if projected and not index else f"s{index}"
            code.line(f"{target}[j] = {value};")
    if direction.weight_hr is not None:
        code.line(f"memset(s0, 0, {direction.output_size} * sizeof(float));")
        code.line(weights.product(f"{base}_weight_hr", direction.weight_hr, "raw", "s0"))
    text = code.text()
    if not direction.weight_ih.size:
        text = "    (void)x;\n" + text
    return f"static void {name}({parameters(step.states, weights)})\n{{\n{text}}}\n"


def parameters(states: int, weights: Weights) -> str:
    """The parameters of a step's function."""
    listed = ["const unsigned char *weights"] if weights.external else []
    listed += ["const float *restrict x", *(f"float *restrict s{i}" for i in range(states))]
    return ", ".join([*listed, "float *restrict work"])


def fill(code: Code, target: str, source: str, count: int) -> None:
    """Copy floats."""
    code.line(f"memcpy({target}, {source}, {count} * sizeof(float));")


def first_states(direction: Direction) -> list[Array]:
    """What a sequence starts from where no states are given."""
    if direction.initial is not None:
        return list(direction.initial)
    states = parse_equations(direction.equations).states
    sizes = [direction.output_size, *[direction.hidden_size] * (states - 1)]
    return [np.zeros(size, np.float32) for size in sizes]


def _at(block: int, hidden: int) -> str:
    return f"{block * hidden} + j" if block else "j"
