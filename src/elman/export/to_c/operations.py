"""What writes each kind of operation of a graph in C."""

from collections.abc import Callable

from elman.compiler.expression import ARITY
from elman.export.code import operations
from elman.export.to_c import (
    convolution,
    elementwise,
    layers,
    layout,
    products,
    reductions,
)
from elman.export.to_c.program import Program
from elman.nn.graph import Operation

_KINDS: dict[str, Callable[[Program, Operation], None]] = {
    **dict.fromkeys(ARITY, elementwise.apply),
    "cast": elementwise.cast,
    "erf": elementwise.erf,
    "linear": products.linear,
    "matmul": products.matmul,
    "embedding": products.embedding,
    "layer_norm": products.layer_norm,
    "softmax": reductions.softmax,
    "masked_softmax": reductions.softmax,
    "log_softmax": reductions.log_softmax,
    **dict.fromkeys(("sum", "mean", "max"), reductions.reduced),
    "gather": layout.gather,
    "step_mask": layout.step_mask,
    "steps": layout.steps,
    "around": layout.around,
    "last_step": layout.last_step,
    "conv": convolution.conv,
    **dict.fromkeys(("max_pool", "mean_pool"), convolution.pool),
    "recurrent": layers.sequence,
    "recurrent_step": layers.step,
}


def write(program: Program, operation: Operation) -> None:
    """Add the statements of an operation to the program; ExportError for what has no form in C."""
    for value in operation.outputs:
        program.declare(value)
    if not program.memory.is_alias(operation):
        with program.code.block(f"/* {operation.kind} */"):
            operations.write(program, operation, _KINDS)
