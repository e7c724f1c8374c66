"""torch's own fused kernels, for what they compute exactly."""

import torch
import torch.nn.functional as F
from torch import _VF, Tensor

from elman.cells import GRU, LSTM, RNN, Cell, ReLURNN
from elman.nn.lengths import last_step, reverse_within
from elman.nn.reference import Extras, State, Weights

_KERNELS = {LSTM: "lstm", GRU: "gru", RNN: "rnn_tanh", ReLURNN: "rnn_relu"}
_SHUT = 1e4  # a gate's input at which its sigmoid is exactly 0 or 1


def applies(cell: Cell, w: Weights, x: Tensor, extras: Extras, *, every_state: bool) -> bool:
    """Whether torch has a kernel for exactly this, and nothing asks for more than it can."""
    return (
        type(cell) in _KERNELS
        and x.numel() > 0
        and w.hr is None
        and w.norm_ih is None
        and extras.resets is None
        and extras.zoneout is None
        and extras.h_mask is None
        and not (every_state and len(cell.state) > 1)
        and (torch.compiler.is_compiling() or not _inside_transform())
    )


def run(
    cell: Cell, w: Weights, x: Tensor, s: State, extras: Extras, *, reverse: bool = False
) -> tuple[State, State]:
    """As `reference.run`, but of the states at every step only the first, arbitrary on padding."""
    lengths = None if extras.mask is None else extras.mask.sum(0)
    if reverse:
        x = x.flip(0) if lengths is None else reverse_within(x, lengths)
    ih = w.ih
    if extras.mask is not None and type(cell) is LSTM:
        x, ih = _hold_cell_state_over_padding(x, ih, extras.mask)
    biases = [] if w.bias_ih is None else [w.bias_ih, w.bias_hh]
    weights = [ih, w.hh, *biases]
    initial = tuple(each.unsqueeze(0) for each in s)
    output, *last = getattr(_VF, _KERNELS[type(cell)])(
        x,
        initial if len(initial) > 1 else initial[0],
        weights,
        bool(biases),
        1,  # layers
        0.0,  # dropout
        torch.is_grad_enabled(),
        False,  # bidirectional
        False,  # batch first
    )
    final = tuple(each.squeeze(0) for each in last)
    if lengths is not None:
        final = (last_step(output, lengths, s[0]), *final[1:])
    if reverse:
        output = output.flip(0) if lengths is None else reverse_within(output, lengths)
    return (output,), final


def _hold_cell_state_over_padding(x: Tensor, ih: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """One more input, 1 on padding, that shuts the input gate and opens the forget gate there.

    c then stays exactly as it was, so that the last c is the one at each sequence's end.
    """
    hidden_size = len(ih) // 4
    shut = ih.new_zeros(4, hidden_size)
    shut[0], shut[1] = -_SHUT, _SHUT
    padding = (~mask).unsqueeze(-1).to(x.dtype)
    return torch.cat([x, padding], -1), F.pad(ih, (0, 1)) + F.pad(
        shut.view(-1, 1), (ih.shape[1], 0)
    )


def _inside_transform() -> bool:
    """Whether torch.func (vmap, jvp, grad) is at work, which the kernels know nothing of."""
    return torch._C._functorch.peek_interpreter_stack() is not None
