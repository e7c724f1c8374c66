"""Tasks that ask for memory, made on the spot: how far back does a network reach?

Each function makes a batch, inputs with time first, and targets; a seed always makes the same one.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from elman.data.arguments import check_number
from elman.data.values import shown
from elman.errors import SettingsError


class MemoryBatch(NamedTuple):
    """Inputs (T, B, F) float or (T, B) int64, and targets; see the function that made it."""

    inputs: Tensor
    targets: Tensor


def adding_problem(
    length: int, batch: int, *, seed: int = 0, anywhere: bool = False
) -> MemoryBatch:
    """Add the two numbers of a sequence that are marked (Hochreiter & Schmidhuber 1997).

    **Returns:** inputs (T, B, 2): a number from 0 to 1 and its mark, 0 or 1; targets (B, 1), the
    sum of the two marked numbers. One mark is in the first and one in the second half, or both
    `anywhere` (as in Bai et al. 2018). Always to guess 1 has a mean square error of 1/6.

    >>> batch = adding_problem(50, 4)
    >>> torch.equal((batch.inputs[..., 0] * batch.inputs[..., 1]).sum(0), batch.targets[:, 0])
    True
    """
    generator = _generator(seed, length=length, batch=batch, least=2)
    numbers = torch.rand(length, batch, generator=generator)
    if anywhere:
        places = torch.rand(length, batch, generator=generator).topk(2, 0).indices
    else:
        half = length // 2
        first = torch.randint(0, half, (batch,), generator=generator)
        places = torch.stack([first, torch.randint(half, length, (batch,), generator=generator)])
    marks = torch.zeros(length, batch).scatter(0, places, 1.0)
    return MemoryBatch(torch.stack([numbers, marks], -1), (numbers * marks).sum(0).unsqueeze(1))


def copy_memory(
    lag: int, batch: int, *, seed: int = 0, symbols: int = 8, length: int = 10
) -> MemoryBatch:
    """Repeat ten symbols after a silence (Hochreiter & Schmidhuber 1997; Arjovsky et al. 2016).

    **Returns:** inputs (T, B) int64, T = lag + 2 * length: the symbols, 1 to `symbols`, then zeros,
    among them, `length` + 1 steps before the end, the sign `symbols` + 1 to begin; targets (T, B):
    zeros, and the symbols in the last `length` steps.

    >>> inputs, targets = copy_memory(5, 1, length=2, seed=3)
    >>> inputs.T.tolist(), targets.T.tolist()
    ([[3, 1, 0, 0, 0, 0, 9, 0, 0]], [[0, 0, 0, 0, 0, 0, 0, 3, 1]])
    """
    generator = _generator(seed, lag=lag, batch=batch, symbols=symbols, length=length)
    said = torch.randint(1, symbols + 1, (length, batch), generator=generator)
    inputs = torch.zeros(lag + 2 * length, batch, dtype=torch.int64)
    inputs[:length] = said
    inputs[-length - 1] = symbols + 1
    targets = torch.zeros_like(inputs)
    targets[-length:] = said
    return MemoryBatch(inputs, targets)


def delayed_recall(lag: int, batch: int, *, seed: int = 0, symbols: int = 8) -> MemoryBatch:
    """Recall the first symbol after `lag` others that do not matter.

    **Returns:** inputs (lag + 1, B) int64: the symbol, 0 to `symbols` - 1, then distractors from
    `symbols` to 2 * `symbols` - 1; targets (B,), the symbol.

    >>> inputs, targets = delayed_recall(6, 3)
    >>> torch.equal(inputs[0], targets), bool((inputs[1:] >= 8).all())
    (True, True)
    """
    generator = _generator(seed, lag=lag, batch=batch, symbols=symbols)
    first = torch.randint(0, symbols, (1, batch), generator=generator)
    rest = torch.randint(symbols, 2 * symbols, (lag, batch), generator=generator)
    return MemoryBatch(torch.cat([first, rest]), first[0])


def parity(length: int, batch: int, *, seed: int = 0) -> MemoryBatch:
    """Whether the ones so far are odd, after every step: one bit kept for ever.

    **Returns:** inputs (T, B, 1), 0.0 or 1.0; targets (T, B) int64, 0 or 1.

    >>> inputs, targets = parity(5, 1, seed=1)
    >>> inputs[:, 0, 0].tolist(), targets[:, 0].tolist()
    ([1.0, 1.0, 0.0, 0.0, 1.0], [1, 0, 0, 0, 1])
    """
    generator = _generator(seed, length=length, batch=batch)
    bits = torch.randint(0, 2, (length, batch), generator=generator)
    return MemoryBatch(bits.unsqueeze(-1).float(), bits.cumsum(0) % 2)


def dyck(length: int, batch: int, *, seed: int = 0, kinds: int = 2, depth: int = 8) -> MemoryBatch:
    """Balanced brackets: which closing bracket may come next? (Dyck-k of bounded depth.)

    At random a bracket is opened or the last one closed, so that at the end none is open.

    **Returns:** inputs (T, B) int64: kind k opens as k and closes as `kinds` + k; targets (T, B):
    1 + the kind of the innermost open bracket after each step, 0 if none is open. T is even.

    >>> inputs, targets = dyck(6, 1, seed=2)
    >>> inputs[:, 0].tolist(), targets[:, 0].tolist()
    ([0, 1, 3, 1, 3, 2], [1, 2, 1, 2, 1, 0])
    """
    generator = _generator(seed, length=length, batch=batch, kinds=kinds, depth=depth, least=2)
    if length % 2:
        raise SettingsError(f"length must be even, so that brackets can be balanced, got {length}")
    inputs = torch.zeros(length, batch, dtype=torch.int64)
    targets = torch.zeros_like(inputs)
    draws = torch.rand(length, batch, generator=generator).tolist()
    kind = torch.randint(0, kinds, (length, batch), generator=generator).tolist()
    for b in range(batch):
        stack: list[int] = []
        for t in range(length):
            full = len(stack) >= min(depth, length - t)
            if not stack or (not full and draws[t][b] < 0.5):
                stack.append(kind[t][b])
                inputs[t, b] = stack[-1]
            else:
                inputs[t, b] = kinds + stack.pop()
            targets[t, b] = 1 + stack[-1] if stack else 0
    return MemoryBatch(inputs, targets)


def _generator(seed: int, *, least: int = 1, **sizes: int) -> torch.Generator:
    check_number("seed", seed, -(2**63), 2**63)
    for name, value in sizes.items():
        low = least if name in ("length", "lag") else 1
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            raise SettingsError(f"{name} must be a whole number, {low} or more, got {shown(value)}")
    return torch.Generator().manual_seed(int(seed))
