"""torch's own fused kernels, for what they compute exactly."""

import torch
from torch import _VF, Tensor, nn
from torch.backends.cudnn import rnn as cudnn_rnn

from elman.cells import GRU, LSTM, RNN, Cell, ReLURNN
from elman.nn.lengths import last_step, mask_of, reverse_within
from elman.nn.reference import Extras, State, Weights

_KERNELS = {LSTM: "lstm", GRU: "gru", RNN: "rnn_tanh", ReLURNN: "rnn_relu"}
# What each gate gets on padding, as signs and a size. LSTM: the input gate shut and the forget
# gate open, so that c stays exactly as it was. ReLU: silence, so that h cannot grow to infinity.
_ON_PADDING: dict[type[Cell], tuple[tuple[float, ...], float]] = {
    LSTM: ((-1.0, 1.0, 0.0, 0.0), 1e4),
    ReLURNN: ((-1.0,), 1e30),
}


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
        and (torch.compiler.is_compiling() or not inside_transform())
    )


def is_fastest(cell: Cell, x: Tensor, steps: int, extras: Extras) -> bool:
    """Whether torch's kernel has been measured to be faster than a compiled one: on a GPU, and
    where one step of a cell with a single gate is trained, for its fixed costs are less."""
    if x.is_cuda:
        return True
    one = steps == 1 and extras.lengths is None and torch.is_grad_enabled()
    return one and type(cell) in (RNN, ReLURNN)


def run(
    cell: Cell, w: Weights, x: Tensor, s: State, extras: Extras, *, reverse: bool = False
) -> tuple[State, State]:
    """As `reference.run`, but of the states at every step only the first, arbitrary on padding."""
    lengths = extras.lengths
    if reverse:
        x = x.flip(0) if lengths is None else reverse_within(x, lengths)
    ih = w.ih
    if lengths is not None and type(cell) in _ON_PADDING:
        x, ih = _quiet_padding(cell, x, ih, mask_of(lengths, len(x)))
    weights = [each for each in (ih, w.hh, w.bias_ih, w.bias_hh) if each is not None]
    if x.is_cuda and torch.backends.cudnn.enabled and not torch.compiler.is_compiling():
        weights = _in_one_piece(_KERNELS[type(cell)], weights, x.shape[2])
    initial = tuple(each.unsqueeze(0).contiguous() for each in s)
    output, *last = getattr(_VF, _KERNELS[type(cell)])(
        x,
        initial if len(initial) > 1 else initial[0],
        weights,
        w.bias_ih is not None,
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


def _in_one_piece(kernel: str, weights: list[Tensor], input_size: int) -> list[Tensor]:
    """The weights as parts of one buffer, as cuDNN wants them, which else copies them at each call.

    Parameters that have memory of their own are moved there for good, as
    `torch.nn.LSTM.flatten_parameters` does; all else, and what is shared, is copied.
    """
    if len({each.untyped_storage().data_ptr() for each in weights}) == 1:
        return weights
    for_good = all(isinstance(w, nn.Parameter) and _is_alone(w) for w in weights)
    own = weights if for_good else [each.clone() for each in weights]
    mode: int = cudnn_rnn.get_cudnn_mode(kernel.upper())  # type: ignore[no-untyped-call]
    with torch.no_grad():
        torch._cudnn_rnn_flatten_weight(
            own, len(own), input_size, mode, own[1].shape[1], 0, 1, False, False
        )
    return own


def _is_alone(weight: Tensor) -> bool:
    return weight.untyped_storage().nbytes() == weight.numel() * weight.element_size()


def _quiet_padding(cell: Cell, x: Tensor, ih: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """One more input, 0 on real steps, that pushes the gates on padding as `_ON_PADDING` says."""
    signs, size = _ON_PADDING[type(cell)]
    push = (~mask).unsqueeze(-1).to(x.dtype) * size
    column = ih.new_tensor(signs).repeat_interleave(len(ih) // len(signs)).unsqueeze(1)
    return torch.cat([x, push], -1), torch.cat([ih, column], 1)


def inside_transform() -> bool:
    """Whether torch.func or forward-mode AD, which the kernels do not all know, is at work."""
    return (
        torch._C._functorch.peek_interpreter_stack() is not None
        or torch.autograd.forward_ad._current_level >= 0
    )
