"""What a search has found so far as tensors and plain values by name, and back."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.decode.hypothesis import Span, Word, Written
from elman.decode.prefix_tree import Prefix
from elman.decode.scorers import Scorer
from elman.nn.state import gather, scatter


def save_written(written: Written) -> dict[str, Any]:
    """The settled beginning of a text."""
    return {
        "words": [
            [word.text, word.start, word.end, word.confidence] for word in written.words_held
        ],
        "spans": save_spans(written.spans_held),
    }


def restore_written(written: Written, saved: Mapping[str, Any]) -> None:
    """The inverse of `save_written`, into one that is empty."""
    written.words_held = [Word(*word) for word in saved["words"]]
    written.spans_held = list(restore_spans(saved["spans"]))


def save_spans(spans: Iterable[Span]) -> list[list[Any]]:
    """Spans as JSON has them."""
    return [list(span) for span in spans]


def restore_spans(saved: Iterable[Sequence[Any]]) -> tuple[Span, ...]:
    """The inverse of `save_spans`."""
    return tuple(Span(*span) for span in saved)


def save_prefixes(prefixes: Sequence[Prefix], scorers: Sequence[Scorer[Any]]) -> dict[str, Any]:
    """The texts of a beam, and all those that they go through.

    The names: `ids`, `parents` (-1: none) and `score` of all texts, parents first; `beam`, which of
    them are in the beam; `has_row` and `rows`, (n, V); `has_read`, `read` and `reader.*`, what a
    transducer's prediction network made of them; `scorer<k>.*`, the states of each scorer.
    """
    all_of_them = list(dict.fromkeys(each for prefix in prefixes for each in prefix.path()))
    at = {prefix: i for i, prefix in enumerate(all_of_them)}
    rows = [each.row for each in all_of_them if each.row is not None]
    reads = [each.read for each in all_of_them if each.read is not None]
    saved: dict[str, Any] = {
        "ids": [each.id for each in all_of_them],
        "parents": [-1 if each.parent is None else at[each.parent] for each in all_of_them],
        "score": torch.tensor([each.score for each in all_of_them], dtype=torch.float64),
        "beam": [at[prefix] for prefix in prefixes],
        "has_row": [each.row is not None for each in all_of_them],
        "has_read": [each.read is not None for each in all_of_them],
    }
    if rows:
        saved["rows"] = torch.from_numpy(np.stack(rows))
    if reads:
        saved["read"] = torch.cat([vector for vector, _ in reads]).cpu()
        saved |= flattened(gather([state for _, state in reads]), "reader")
    for k, scorer in enumerate(scorers):
        states = scorer.save([each.states[k] for each in all_of_them])
        saved |= {f"scorer{k}.{name}": value for name, value in states.items()}
    return saved


def restore_prefixes(
    saved: Mapping[str, Any], scorers: Sequence[Scorer[Any]], device: torch.device | None = None
) -> list[Prefix]:
    """The texts of the beam again; `device`: of a transducer's prediction network."""
    states = []
    for k, scorer in enumerate(scorers):
        start = f"scorer{k}."
        own = {n.removeprefix(start): v for n, v in saved.items() if n.startswith(start)}
        states.append(scorer.restore(own))
    rows = iter(array_of(saved["rows"])) if any(saved["has_row"]) else iter(())
    reads: Any = iter(())
    if count := sum(saved["has_read"]):
        vectors = saved["read"].to(device).chunk(count)
        reads = zip(vectors, scatter(unflattened(saved, "reader", device)), strict=True)
    prefixes: list[Prefix] = []
    for i, (id, parent, score, has_row, has_read) in enumerate(
        zip(
            *(saved["ids"], saved["parents"], saved["score"].tolist()),
            *(saved["has_row"], saved["has_read"]),
            strict=True,
        )
    ):
        if not -1 <= parent < i:
            raise ValueError(f"the text {i} comes before its parent {parent}")
        above = None if parent < 0 else prefixes[parent]
        prefix = Prefix(above, id, tuple(each[i] for each in states), score)
        if above is not None:
            above.adopt(prefix)
        prefix.row = np.array(next(rows)) if has_row else None
        prefix.read = next(reads) if has_read else None
        prefixes.append(prefix)
    return [prefixes[i] for i in saved["beam"]]


def flattened(state: Any, name: str) -> dict[str, Tensor]:
    """Tensors in nested tuples by names with numbers; nothing of None.

    >>> sorted(flattened((torch.zeros(1), (torch.ones(1),)), "state"))
    ['state.0', 'state.1.0']
    """
    if state is None:
        return {}
    if isinstance(state, Tensor):
        return {name: state.detach().cpu().clone()}
    return {k: v for i, part in enumerate(state) for k, v in flattened(part, f"{name}.{i}").items()}


def unflattened(saved: Mapping[str, Any], name: str, device: torch.device | None = None) -> Any:
    """The inverse of `flattened`, on a device; other names do not matter."""
    if name in saved:
        return saved[name].to(device=device, copy=True)
    parts: list[Any] = []
    while any(
        each == f"{name}.{len(parts)}" or each.startswith(f"{name}.{len(parts)}.") for each in saved
    ):
        parts.append(unflattened(saved, f"{name}.{len(parts)}", device))
    return tuple(parts) or None


def array_of(tensor: Tensor) -> NDArray[Any]:
    """A tensor's values as an array of their own memory."""
    return np.array(tensor.cpu().numpy())
