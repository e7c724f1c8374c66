"""What writes each kind of operation of a graph that computes numbers."""

from collections.abc import Callable

from elman.compiler.expression import ARITY
from elman.export.native import convolution, elementwise, layers, layout, linear, reductions
from elman.export.native.program import Program
from elman.nn.graph import Operation

KINDS: dict[str, Callable[[Program, Operation], None]] = {
    **dict.fromkeys(ARITY, elementwise.apply),
    "cast": elementwise.cast,
    "erf": elementwise.erf,
    "linear": linear.linear,
    "matmul": linear.matmul,
    "embedding": layout.embedding,
    "layer_norm": reductions.layer_norm,
    **dict.fromkeys(("softmax", "masked_softmax", "log_softmax"), reductions.softmax),
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
