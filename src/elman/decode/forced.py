"""What a model gives to sequences that are given: scores of teacher forcing, step by step."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from elman.decode.constraints import check_ids, id_lists, padded
from elman.decode.search import LogProbabilities, Stepper, reorder_of
from elman.errors import SettingsError


@torch.inference_mode()
def forced_scores(
    model: Stepper, ids: Tensor, state: Any, sequences: Sequence[Sequence[int]]
) -> list[list[float]]:
    """The log probability of each token of given sequences.

    **Arguments:** `ids`: (B,) int64, the tokens before the first ones, such as start symbols;
    `state`: the model's state before it reads them; `sequences`: B lists of ids, the end included
    where it counts.

    **Returns:** for each sequence a natural log for each of its ids; their sum is the
    `log_probability` of a search that writes them.
    """
    given = id_lists(sequences, "sequences")
    if len(given) != len(ids):
        raise SettingsError(
            f"{len(ids)} tokens to continue from need as many sequences, got {len(given)}"
        )
    targets = padded(given).to(ids.device)
    rows = torch.arange(len(given), device=ids.device)
    found: list[list[float]] = [[] for _ in given]
    step = LogProbabilities(model).step
    for targets_now in targets.unbind(1):
        index = (targets_now[rows] >= 0).nonzero().squeeze(-1)
        if len(index) < len(rows):
            rows, ids = rows[index], ids[index]
            state = state if state is None else reorder_of(model)(state, index)
        logs, state = step(ids, state)
        ids = targets_now[rows]
        check_ids(ids, "sequences", logs.shape[-1])
        own = logs.gather(-1, ids.unsqueeze(-1)).squeeze(-1)
        for row, log in zip(rows.tolist(), own.tolist(), strict=True):
            found[row].append(log)
    return found
