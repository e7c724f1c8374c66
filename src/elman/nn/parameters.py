"""The parameters of a recurrent layer: their names, shapes and first values."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from elman.cells import Cell

INITS = ("uniform", "orthogonal", "identity")


def shapes(
    cell: Cell,
    input_size: int,
    hidden_size: int,
    proj_size: int,
    *,
    bias: bool,
    layer_norm: bool,
    learn_initial_state: bool,
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of each parameter of one direction of one layer, in torch's order."""
    rows, recurrent_rows = len(cell.gates) * hidden_size, len(cell.recurrent) * hidden_size
    output_size = proj_size or hidden_size
    yield "weight_ih", (rows, input_size)
    if cell.recurrent:
        yield "weight_hh", (recurrent_rows, output_size)
    if bias:
        yield "bias_ih", (rows,)
        if cell.recurrent:
            yield "bias_hh", (recurrent_rows,)
    if proj_size:
        yield "weight_hr", (proj_size, hidden_size)
    if layer_norm:
        yield "norm_ih", (rows,)
        if cell.recurrent:
            yield "norm_hh", (recurrent_rows,)
    for name in cell.params:
        yield name, (hidden_size,)
    if learn_initial_state:
        for index, name in enumerate(cell.state):
            yield f"initial_{name}", (hidden_size if index else output_size,)


@torch.no_grad()
def initialise(
    cell: Cell, name: str, value: Tensor, fan_in: int, init: str, forget_bias: float | None
) -> None:
    """Fill one parameter, called by its name without layer and direction.

    `fan_in` is what a recurrent product adds up: of dense layers the hidden size.

    - `"uniform"`: everything from ±1/sqrt(fan_in), as torch does.
    - `"orthogonal"`: each gate's recurrent matrix orthogonal (Saxe et al. 2014), input weights
      by Glorot's rule, biases 0.
    - `"identity"`: recurrent matrices the identity, input weights normal with deviation 0.001,
      biases 0 (the IRNN of Le, Jaitly & Hinton 2015).
    """
    bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
    if name in cell.params:
        value.uniform_(*cell.params[name])
    elif name.startswith("initial_"):
        value.zero_()
    elif name.startswith("norm_"):
        value.fill_(1.0)
    elif init == "uniform":
        value.uniform_(-bound, bound)
    elif name.startswith("bias_"):
        value.zero_()
    elif name == "weight_hh":
        for block in torch.split(value, fan_in):
            nn.init.orthogonal_(block) if init == "orthogonal" else nn.init.eye_(block)
    elif name == "weight_ih" and init == "identity":
        value.normal_(0.0, 0.001)
    else:
        for block in torch.split(value, fan_in):
            nn.init.xavier_uniform_(block)
    if forget_bias is not None and name in ("bias_ih", "bias_hh"):
        gates = cell.gates if name == "bias_ih" else cell.recurrent
        if cell.forget in gates:
            own = value.view(len(gates), len(value) // len(gates))[gates.index(cell.forget)]
            own.fill_(float(forget_bias) if name == "bias_ih" else 0.0)
