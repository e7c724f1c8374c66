"""An n-gram model of the same tokens beside the network (Mikolov et al. 2011)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.baselines.kneser_ney import KneserNey
from elman.errors import ModelError
from elman.tasks.language.blocks import blocks, target_places
from elman.tensor_files import read_tensors, write_tensors

NGRAMS = "ngrams.safetensors"
_SHARES = np.concatenate([[0.0], np.linspace(0.02, 0.98, 49)])


def save(model: KneserNey, path: Path) -> None:
    """Write the n-grams and their counts as safetensors."""
    found = {}
    for n, (grams, plain) in enumerate(zip(model.keys, model.plain, strict=True)):
        found[f"grams.{n}"] = torch.from_numpy(grams)
        found[f"counts.{n}"] = torch.from_numpy(plain.counts.astype(np.int32))
    write_tensors(path, found)


def load(path: Path, size: int) -> KneserNey:
    """Read what `save` wrote; ModelError if it is no n-gram model of `size` tokens."""
    tensors, _ = read_tensors(path)
    orders = len(tensors) // 2
    names = {f"{kind}.{n}" for kind in ("grams", "counts") for n in range(orders)}
    if not orders or set(tensors) != names:
        raise ModelError(f"{path} does not hold a model of n-grams")
    grams = [tensors[f"grams.{n}"] for n in range(orders)]
    counts = [tensors[f"counts.{n}"] for n in range(orders)]
    contexts = 1
    for keys, own in zip(grams, counts, strict=True):
        fits = keys.dtype == torch.int64 and own.dtype == torch.int32 and keys.shape == own.shape
        fits = fits and keys.dim() == 1 and len(keys) > 0 and bool((keys.diff() > 0).all())
        if not fits or int(keys[0]) < 0 or int(keys[-1]) >= contexts * size or int(own.min()) < 1:
            raise ModelError(f"{path}: its n-grams do not fit a vocabulary of {size} tokens")
        contexts = len(keys)
    known = [each.numpy().astype(np.int64) for each in counts]
    try:
        return KneserNey.of_counts([each.numpy() for each in grams], known, size)
    except (ValueError, IndexError):  # n-grams that end with no known one
        raise ModelError(f"{path} is damaged: its n-grams do not belong together") from None


def mixed(nats: Tensor, ngrams: Tensor, share: float) -> Tensor:
    """The nats of tokens where the n-gram model's probability counts with a share from 0 to 1.

    >>> mixed(torch.tensor([1.0]), torch.tensor([1.0]), 0.5)
    tensor([1.])
    """
    if share == 0:
        return nats
    weights = torch.tensor([1 - share, share], dtype=nats.dtype).log()
    return -torch.logaddexp(weights[0] - nats, weights[1] - ngrams)


def best_share(nats: Tensor, ngrams: Tensor) -> float:
    """How much the n-grams are to count beside the network, by the nats of held-out tokens.

    0 where no share makes the sum smaller by more than 1 nat.
    """
    losses = [float(mixed(nats, ngrams, share).sum()) for share in _SHARES.tolist()]
    best = int(np.argmin(losses))
    return float(_SHARES[best]) if losses[best] < losses[0] - 1 else 0.0


def scores_with(scores: Tensor, model: KneserNey, share: float, context: list[int]) -> Tensor:
    """Scores of the next token (V,), as log probabilities where the n-grams count, too."""
    if share == 0:
        return scores
    values = scores.double().cpu().numpy()
    exponentials = np.exp(values - values.max())
    probabilities = exponentials * ((1 - share) / exponentials.sum()) + share * model.after(context)
    return torch.from_numpy(np.log(probabilities)).to(scores)


def with_ngrams(tokens: NDArray[Any], model: KneserNey) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """The `blocks` of a text, beside each target its nats by the n-gram model."""
    nats = torch.from_numpy(model.losses(np.asarray(tokens, np.int64)))
    places = target_places(len(tokens))
    for (inputs, targets), at in zip(blocks(tokens).epoch(0), places, strict=True):
        yield inputs, targets, nats[at]
