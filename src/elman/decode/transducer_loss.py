"""The loss of recurrent neural network transducers, over the diagonals of their lattice."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from elman.decode.alphabet import BLANK
from elman.errors import SettingsError

_NEVER = float("-inf")


def transducer_loss(
    logits: Tensor, targets: Tensor, frame_lengths: Tensor, target_lengths: Tensor
) -> Tensor:
    """Minus the log probability of each text, summed over all alignments (Graves 2012).

    At a node (t, u) of the lattice, after t frames and u characters, a blank goes on to the next
    frame and a character to the next row; the path ends with a blank from the last node. The nodes
    of a diagonal, t + u constant, depend on the one before only and are computed at once, forwards
    and, for the gradient, backwards. Memory is that of the logits and of one gradient of them.

    **Arguments:**

    - `logits`: (B, T, U + 1, V) float scores; the probabilities are their softmax; id 0 is blank.
    - `targets`: (B, U) int64, ids from 1; what is beyond a text's length does not matter.
    - `frame_lengths`: (B,) int64, each from 1 to T.
    - `target_lengths`: (B,) int64, each from 0 to U.

    **Returns:** (B,), of the logits' dtype. Raises SettingsError for shapes, lengths and ids that
    do not fit.

    >>> logits = torch.zeros(1, 2, 2, 3)  # 2 paths of 3 steps, each (1/3)^3
    >>> loss = transducer_loss(logits, torch.tensor([[1]]), torch.tensor([2]), torch.tensor([1]))
    >>> round(float(loss.exp()), 3)
    13.5
    """
    _check(logits, targets, frame_lengths, target_lengths)
    loss: Tensor = _Loss.apply(  # type: ignore[no-untyped-call]
        logits, targets, frame_lengths, target_lengths
    )
    return loss


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, targets: Tensor, frame_lengths: Tensor, target_lengths: Tensor
    ) -> Tensor:
        frames, rows = logits.shape[1:3]
        precise = logits if logits.dtype == torch.float64 else logits.float()
        normaliser = precise.logsumexp(-1)
        blank = precise[..., BLANK] - normaliser
        row = torch.arange(rows, device=logits.device)
        beyond = row >= target_lengths[:, None]
        ids = torch.nn.functional.pad(targets, (0, 1)).masked_fill(beyond, BLANK)
        index = ids[:, None, :, None].expand(-1, frames, -1, 1)
        label = precise.gather(-1, index).squeeze(-1) - normaliser
        late = torch.arange(frames, device=logits.device) >= frame_lengths[:, None]
        label = label.masked_fill(beyond[:, None] | late[..., None], _NEVER)
        blank, label = _diagonals(blank), _diagonals(label)
        forward = torch.full_like(blank, _NEVER)
        forward[0, :, 0] = 0
        for d in range(1, len(blank)):
            before = forward[d - 1]
            here = before + blank[d - 1]
            step = before[:, :-1] + label[d - 1, :, :-1]
            forward[d, :, 0] = here[:, 0]
            torch.logaddexp(here[:, 1:], step, out=forward[d, :, 1:])
        batch = torch.arange(len(logits), device=logits.device)
        last = frame_lengths - 1 + target_lengths, batch, target_lengths
        total = forward[last] + blank[last]
        ctx.save_for_backward(
            logits, normaliser, ids, forward, blank, label, total, frame_lengths, target_lengths
        )
        return -total.to(logits.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        logits, normaliser, ids, forward, blank, label, total, frame_lengths, target_lengths = (
            ctx.saved_tensors
        )
        frames = logits.shape[1]
        # the log probability from each node to the end; beyond the end's blank it is 0
        batch = torch.arange(len(logits), device=logits.device)
        backward = blank.new_full((len(blank) + 1, *blank.shape[1:]), _NEVER)
        end = frame_lengths + target_lengths
        backward[end, batch, target_lengths] = 0
        after_blank, after_label = torch.empty_like(blank), torch.full_like(label, _NEVER)
        for d in range(len(blank) - 1, -1, -1):
            after = backward[d + 1]
            torch.add(blank[d], after, out=after_blank[d])
            torch.add(label[d, :, :-1], after[:, 1:], out=after_label[d, :, :-1])
            here = torch.logaddexp(after_blank[d], after_label[d])
            backward[d] = torch.where(end[:, None] == d, backward[d], here)
        scale = grad.to(total.dtype)[:, None, None]
        # a text of probability 0 has no gradient
        reached = forward - total.masked_fill(total == _NEVER, -_NEVER)[:, None]
        of_blank = _frames(torch.exp(reached + after_blank), frames) * scale
        of_label = _frames(torch.exp(reached + after_label), frames) * scale
        precise = logits if logits.dtype == torch.float64 else logits.float()
        result = (precise - normaliser[..., None]).exp_()
        result *= (of_blank + of_label)[..., None]
        result[..., BLANK] -= of_blank
        index = ids[:, None, :, None].expand(-1, frames, -1, 1)
        result.scatter_add_(-1, index, -of_label[..., None])
        return result.to(logits.dtype), None, None, None


def _diagonals(values: Tensor) -> Tensor:
    """(B, T, R) to (T + R - 1, B, R), where [t + u, b, u] is what was at [b, t, u], else -inf."""
    batch, frames, rows = values.shape
    padded = values.new_full((batch, rows, frames + rows), _NEVER)
    padded[:, :, :frames] = values.transpose(1, 2)
    # rows of one element more than there are diagonals, read as rows of the diagonals' number
    flat = padded.reshape(batch, -1)[:, : rows * (frames + rows - 1)]
    return flat.reshape(batch, rows, frames + rows - 1).permute(2, 0, 1).contiguous()


def _frames(diagonals: Tensor, frames: int) -> Tensor:
    """The inverse of `_diagonals`."""
    rows = diagonals.shape[2]
    flat = diagonals.permute(1, 2, 0).reshape(diagonals.shape[1], -1)
    flat = torch.nn.functional.pad(flat, (0, rows))
    return flat.reshape(len(flat), rows, -1)[:, :, :frames].transpose(1, 2)


def _check(logits: Tensor, targets: Tensor, frame_lengths: Tensor, target_lengths: Tensor) -> None:
    if logits.ndim != 4 or not logits.is_floating_point() or not logits.numel():
        raise SettingsError(
            "logits must be floats (batch, frames, characters + 1, alphabet), got"
            f" {logits.dtype} {tuple(logits.shape)}"
        )
    batch, frames, rows, size = logits.shape
    if targets.shape != (batch, rows - 1):
        raise SettingsError(
            f"targets must be {(batch, rows - 1)} to fit logits {tuple(logits.shape)}, got"
            f" {tuple(targets.shape)}"
        )
    for name, lengths, low, high in (
        ("frame_lengths", frame_lengths, 1, frames),
        ("target_lengths", target_lengths, 0, rows - 1),
    ):
        if lengths.shape != (batch,) or lengths.dtype != torch.int64:
            raise SettingsError(
                f"{name} must be int64 ({batch},), got {lengths.dtype} {tuple(lengths.shape)}"
            )
        if bool(((lengths < low) | (lengths > high)).any()):
            raise SettingsError(f"{name} must be from {low} to {high}, got {lengths.tolist()}")
    meant = torch.arange(rows - 1, device=targets.device) < target_lengths[:, None]
    if bool((((targets <= BLANK) | (targets >= size)) & meant).any()):
        raise SettingsError(f"targets must be ids from 1 to {size - 1}, 0 being the blank")
