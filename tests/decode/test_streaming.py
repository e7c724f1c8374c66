"""A stream gives what a beam finds, and no token too early or too late."""

import pytest
import torch
from exhaustive import END, START, Table, table
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from elman.decode.constraints import NoRepeatedNGrams
from elman.decode.search import Limits, beam, greedy
from elman.decode.streaming import stream
from elman.errors import SettingsError

LIMITS = Limits(max_length=12, end=END, never=[START])


@given(seed=st.integers(0, 200), width=st.integers(1, 5), alpha=st.sampled_from([0.0, 1.0]))
@settings(max_examples=60)
def test_a_stream_is_what_the_beam_finds(seed: int, width: int, alpha: float) -> None:
    whole = table(1, 6, seed)
    options = {"width": width, "alpha": alpha, "constraints": [NoRepeatedNGrams(2)]}
    [[best]] = beam(*whole, LIMITS, **options)  # type: ignore[arg-type]
    assert list(stream(*whole, LIMITS, **options)) == best.ids  # type: ignore[arg-type]


class Counted(Table):
    steps = 0

    def step(self, ids: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        self.steps += 1
        return super().step(ids, state)


def test_greedy_tokens_come_at_their_own_steps() -> None:
    _, ids, state = table(1)
    model = Counted(6, seed=2)
    [best] = greedy(model, ids, state, LIMITS)
    assert len(best.ids) > 3
    model.steps = 0
    times = [(model.steps, id) for id in stream(model, ids, state, LIMITS)]
    assert times == [(t, id) for t, id in enumerate(best.ids, 1)]


def test_tokens_of_a_beam_come_as_soon_as_all_agree() -> None:
    """After 0: 2 or 3; after each of them the same two, so that only the end decides."""

    class Undecided:
        steps = 0

        def step(self, ids: Tensor, state: object) -> tuple[Tensor, tuple[Tensor, ...]]:
            self.steps += 1
            both, end = [0.0, 0.0, 0.6, 0.4], [0.0, 1.0, 0.0, 0.0]
            first = [0.0, 0.0, 1.0, 0.0]
            now = torch.tensor([first, both, both, end][min(self.steps - 1, 3)]).log()
            return now.repeat(len(ids), 1), (torch.zeros(1, len(ids), 1),)

    model = Undecided()
    times = [(model.steps, id) for id in stream(model, torch.tensor([0]), None, LIMITS, width=4)]
    assert times == [(1, 2), (4, 2), (4, 2), (4, 1)]


def test_one_sequence_at_a_time() -> None:
    with pytest.raises(SettingsError, match="one sequence can be streamed at a time, got 2"):
        stream(*table(2), LIMITS)
