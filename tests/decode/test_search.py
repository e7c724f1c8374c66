"""Searches against all sequences written out, for both models of the tasks."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from exhaustive import (
    END,
    START,
    SYMBOLS,
    Given,
    Table,
    all_sequences,
    compare,
    log_probability,
    ranked,
    row,
    table,
    translator,
)
from tiny_translator import sources
from torch import Tensor, nn

from elman.decode.sampling import Sampling
from elman.decode.search import Limits, TokenSequence, beam, greedy, length_penalty, sample
from elman.errors import ModelError, SettingsError
from elman.nn import Recurrent
from elman.nn.state import State, reorder
from elman.tasks.language import NextToken
from elman.tasks.model import SequenceModel, TokenEncoder

LIMITS = Limits(max_length=4, end=END, never=[START])


def language(count: int, cell: str = "gru", seed: int = 9) -> Given:
    """A language model that begins without a state."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = SequenceModel(
            TokenEncoder(SYMBOLS, 3, deviation=1.0),
            Recurrent(cell, 3, 6, num_layers=2),
            NextToken(6, SYMBOLS, dropout=0.0, tied=None),
        )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3.0)
    return model.double().eval(), (torch.arange(count) % 3 + 1) % SYMBOLS, None


def prompted(count: int) -> Given:
    """A language model that has read something, another text in each row."""
    model, ids, _ = language(count, "lstm", seed=0)
    prompt = torch.randint(SYMBOLS, (5, count), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return model, ids, model(prompt)[1]


GIVEN = pytest.mark.parametrize("given", [language, prompted, translator])


@GIVEN
@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
@pytest.mark.parametrize(
    "limits",
    [
        LIMITS,
        Limits(max_length=3, end=END, min_length=2, never=[START]),
        Limits(max_length=3, never=[2]),
        Limits(max_length=1, end=END),
    ],
)
def test_a_beam_of_full_width_is_exhaustive(
    given: Callable[[int], Given], alpha: float, limits: Limits
) -> None:
    width = len(all_sequences(limits))
    whole = given(3)
    found = beam(*whole, limits, width=width, n_best=min(6, width), alpha=alpha)
    for b, each in enumerate(found):
        compare(each, ranked(row(whole, b), limits, alpha)[: min(6, width)])


@GIVEN
def test_a_batch_is_its_sequences_in_their_order(given: Callable[[int], Given]) -> None:
    whole = given(7)
    limits = Limits(max_length=9, end=END, never=[START])
    searches: list[Callable[..., list[list[TokenSequence]]]] = [
        lambda *args: beam(*args, limits, width=3, n_best=3, alpha=0.7),
        lambda *args: [[each] for each in greedy(*args, limits)],
    ]
    for search in searches:
        together = search(*whole)
        lengths = {len(one.ids) for each in together for one in each}
        assert len(lengths) > 1
        for b, each in enumerate(together):
            alone = search(*row(whole, b))[0]
            assert [one.ids for one in each] == [one.ids for one in alone]
            for one, other in zip(each, alone, strict=True):
                assert one.score == pytest.approx(other.score, rel=1e-9)


@GIVEN
@pytest.mark.parametrize("alpha", [0.0, 1.5])
def test_greedy_is_a_beam_of_one(given: Callable[[int], Given], alpha: float) -> None:
    whole = given(7)
    for limits in (Limits(9, END, 0, [START]), Limits(9, END, 4), Limits(5)):
        narrow = beam(*whole, limits, width=1, alpha=alpha)
        for [one], each in zip(narrow, greedy(*whole, limits), strict=True):
            assert one.ids == each.ids
            assert one.log_probability == pytest.approx(each.log_probability, rel=1e-9)
            assert one.ended == each.ended == (each.ids[-1] == END and limits.end == END)


@GIVEN
def test_scores_are_those_of_teacher_forcing(given: Callable[[int], Given]) -> None:
    whole = given(4)
    generators = [torch.Generator().manual_seed(b) for b in range(4)]
    drawn = sample(*whole, LIMITS, Sampling(temperature=2.0), generators)
    found = [
        *([each] for each in drawn),
        *([each] for each in greedy(*whole, LIMITS)),
        *beam(*whole, LIMITS, width=4, n_best=4, alpha=0.5),
    ]
    for at, each in enumerate(found):
        for one in each:
            expected = log_probability(row(whole, at % 4), one.ids)
            assert one.log_probability == pytest.approx(expected, rel=1e-9)
    for each in found[8:]:
        assert [one.score for one in each] == sorted((one.score for one in each), reverse=True)
        for one in each:
            penalty = length_penalty(len(one.ids), 0.5)
            assert one.score == pytest.approx(one.log_probability / penalty, rel=1e-12)


def test_scores_of_a_translation_are_those_of_its_whole_target() -> None:
    model, ids, state = translator(3)
    source, lengths = sources(3)
    for b, [best] in enumerate(beam(model, ids, state, LIMITS, width=3)):
        target = torch.tensor([START, *best.ids]).unsqueeze(1)
        with torch.no_grad():
            scores = model(source[:, b : b + 1], lengths[b : b + 1], target[:-1])
        loss = nn.functional.cross_entropy(scores[:, 0], target[1:, 0], reduction="sum")
        assert best.log_probability == pytest.approx(-float(loss), rel=1e-9)


class Fixed:
    """Scores by the last token alone: what is to be found can be reckoned by hand."""

    def __init__(self, table: list[list[float]]) -> None:
        self.logs = torch.tensor(table, dtype=torch.float64).log()
        self.steps: list[int] = []

    def step(self, ids: Tensor, state: Any) -> tuple[Tensor, tuple[Tensor, ...]]:
        self.steps.append(len(ids))
        return self.logs[ids], (torch.zeros(1, len(ids), 1),)


# After 0 or 2: end 0.4, 2 0.6, 3 never; after 3 as well.
LOOP = [[0.0, 0.4, 0.6, 0.0]] * 4


def test_a_beam_finds_what_greedy_search_misses() -> None:
    """0.6 * 0.5 against 0.4 * 0.9: the likelier beginning has the less likely end."""
    table = [[0, 0, 0.6, 0.4], [0, 1, 0, 0], [0, 0.5, 0.25, 0.25], [0, 0.9, 0.05, 0.05]]
    model, ids = Fixed(table), torch.tensor([0])
    limits = Limits(max_length=2, end=1)
    assert greedy(model, ids, None, limits)[0].ids == [2, 1]
    best, second = beam(model, ids, None, limits, width=2, n_best=2)[0]
    assert (best.ids, second.ids) == ([3, 1], [2, 1])
    assert best.log_probability == pytest.approx(math.log(0.4 * 0.9))


def test_the_length_penalty_prefers_longer_sequences() -> None:
    limits = Limits(max_length=6, end=1)
    for alpha, expected in ((0.0, 1), (5.0, 6)):
        found = beam(Fixed(LOOP), torch.tensor([0]), None, limits, width=6, alpha=alpha)[0][0]
        assert len(found.ids) == expected


def test_length_penalty_of_the_paper() -> None:
    assert length_penalty(13, 0.2) == pytest.approx(3**0.2)
    assert length_penalty(1, 7.0) == 1.0


def test_the_search_stops_early() -> None:
    """With no penalty nothing beats a sequence of 0.4 once the rest holds 0.36."""
    limits = Limits(max_length=100, end=1)
    model = Fixed(LOOP)
    found = beam(model, torch.tensor([0]), None, limits, width=3)[0][0]
    assert found.ids == [1]
    assert len(model.steps) == 2
    greedy(model := Fixed(LOOP), torch.tensor([0, 2, 1]), None, Limits(max_length=3, end=2))
    assert model.steps == [3]


def test_sequences_that_are_done_are_stepped_no_more() -> None:
    table = [[0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0]]
    model = Fixed([[value or 1e-9 for value in each] for each in table])
    found = greedy(model, torch.tensor([0, 3, 2]), None, Limits(max_length=9, end=1))
    assert [each.ids for each in found] == [[2, 3, 1], [1], [3, 1]]
    assert model.steps == [3, 2, 1]
    model.steps.clear()
    found = [best for [best] in beam(model, torch.tensor([0, 3, 2]), None, Limits(9, 1), width=2)]
    assert [each.ids for each in found] == [[2, 3, 1], [1], [3, 1]]
    assert model.steps == [3, 4, 2]  # as yet there is one beginning of each


def test_a_beam_wider_than_what_there_is() -> None:
    """Only one way on: no sequence is made up to fill the beam."""
    found = beam(Fixed(LOOP), torch.tensor([0]), None, Limits(2, 1), width=50, n_best=50)[0]
    assert [each.ids for each in found] == [[1], [2, 2], [2, 1]]


def test_what_is_cut_off_says_so() -> None:
    found = greedy(Fixed(LOOP), torch.tensor([0]), None, Limits(max_length=3, end=1))[0]
    assert (found.ids, found.ended) == ([2, 2, 2], False)


def test_samples_have_their_probabilities_and_their_generators() -> None:
    count = 2000
    ids = torch.zeros(count, dtype=torch.int64)
    generators = [torch.Generator().manual_seed(b) for b in range(count)]
    limits = Limits(max_length=2, end=1)
    drawn = sample(Fixed(LOOP), ids, None, limits, Sampling(), generators)
    shares = [sum(each.ids == ids for each in drawn) / count for ids in ([1], [2, 1], [2, 2])]
    assert shares == pytest.approx([0.4, 0.24, 0.36], abs=0.04)
    again = [
        sample(Fixed(LOOP), ids[:1], None, limits, Sampling(), [torch.Generator().manual_seed(b)])
        for b in range(20)
    ]
    assert [each for [each] in again] == drawn[:20]


def test_sampling_without_temperature_is_greedy() -> None:
    whole = translator(5)
    generators = [torch.Generator() for _ in range(5)]
    assert sample(*whole, LIMITS, Sampling(temperature=0), generators) == greedy(*whole, LIMITS)


def test_nothing_to_search_for() -> None:
    none = torch.zeros(0, dtype=torch.int64)
    assert greedy(Fixed(LOOP), none, None, LIMITS) == []
    assert beam(Fixed(LOOP), none, None, LIMITS) == []


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: Limits(0), "max_length=0"),
        (lambda: Limits(3, end=-1), "end=-1"),
        (lambda: Limits(3, never=[0, 1.5]), "never=1.5"),  # type: ignore[list-item]
        (lambda: Limits(3, END, 3), "min_length=3 leaves no place for the end within max_length=3"),
        (lambda: Limits(3, END, never=[END]), "end=1 is among the ids that are never written"),
        (lambda: run(Limits(3, 7)), "from 0 to 3, got 7"),
        (lambda: run(Limits(3, never=[0, 1, 2, 3])), "leaves no token"),
        (lambda: run(LIMITS, width=0), "width=0"),
        (lambda: run(LIMITS, width=2, n_best=3), "n_best=3 sequences need a width of as many"),
        (lambda: run(LIMITS, alpha=-1.0), "alpha must be a number from 0, got -1.0"),
        (lambda: greedy(Fixed(LOOP), torch.zeros(2, 1), None, LIMITS), r"ids must be int64"),
        (
            lambda: sample(Fixed(LOOP), torch.tensor([0, 0]), None, LIMITS, Sampling(), []),
            "2 sequences need as many generators, got 0",
        ),
    ],
)
def test_settings_that_cannot_work(ask: Callable[[], object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        ask()


def run(limits: Limits, **options: Any) -> object:
    return beam(Fixed(LOOP), torch.tensor([0]), None, limits, **options)


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0])
def test_scores_that_are_no_numbers_are_refused(value: float) -> None:
    broken = Fixed([[value] * 4] * 4)  # the log of 0 is -inf
    for search in (greedy, beam):
        with pytest.raises(ModelError, match="the model's scores are NaN or infinite"):
            search(broken, torch.tensor([0]), None, LIMITS)


def test_scores_that_the_model_keeps_are_not_written_over() -> None:
    class Keeping:
        scores = torch.tensor([[0.0, -1.0, 1.0, 2.0]] * 12)

        def step(self, ids: Tensor, _state: object) -> tuple[Tensor, tuple[Tensor, ...]]:
            return self.scores[: len(ids)], (torch.zeros(1, len(ids), 1),)

    before = Keeping.scores.clone()
    limits = Limits(max_length=3, end=1, never=[3])
    beam(Keeping(), torch.zeros(3, dtype=torch.int64), None, limits, width=4)
    greedy(Keeping(), torch.zeros(3, dtype=torch.int64), None, limits)
    assert torch.equal(Keeping.scores, before)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_scores_of_half_precision_are_added_up_in_full(dtype: torch.dtype) -> None:
    model, ids, state = table(4, 9, dtype=dtype)
    full = Table(9)
    full.scores = model.scores.double()
    limits = Limits(max_length=6, end=END)
    found, expected = (beam(each, ids, state, limits, width=3) for each in (model, full))
    for one, other in zip(found, expected, strict=True):
        assert one[0].ids == other[0].ids
        assert one[0].log_probability == pytest.approx(other[0].log_probability, rel=1e-6)


def test_a_model_may_reorder_its_states_itself() -> None:
    class Own(Table):
        calls = 0

        def reorder(self, state: State, index: Tensor) -> State:
            self.calls += 1
            return reorder(state, index)

    model, limits = Own(6, dtype=torch.float64), Limits(max_length=6, end=END)
    _, ids, state = table(5, 6)
    generators = [torch.Generator() for _ in ids]
    for search in (
        lambda model: beam(model, ids, state, limits, width=3),
        lambda model: greedy(model, ids, state, limits),
        lambda model: sample(model, ids, state, limits, Sampling(temperature=0), generators),
    ):
        model.calls = 0
        assert search(model) == search(Table(6, dtype=torch.float64))
        assert model.calls > 0


SYMBOL = next(i for i in range(SYMBOLS) if i not in (END, START))


class Smoothed:
    """Writes a symbol thirty times and ends, as surely as label smoothing lets it: at each step
    some probability is left for the end and for all other tokens."""

    def step(self, ids: Tensor, state: Any) -> tuple[Tensor, Any]:
        (step,) = state
        probabilities = torch.full((len(ids), 6), 0.07 / 4)
        probabilities[:, END], probabilities[:, SYMBOL] = 0.03, 0.9
        last = step[0, :, 0] == 30
        probabilities[last] = 0.07 / 5
        probabilities[last, END] = 0.93
        return probabilities.log(), (step + 1,)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_early_ends_of_little_probability_do_not_stop_the_search(alpha: float) -> None:
    ids, limits = torch.tensor([2, 3]), Limits(60, END)
    state = (torch.zeros(1, 2, 1),)
    found = beam(Smoothed(), ids, state, limits, width=5, alpha=alpha)
    (expected, _) = greedy(Smoothed(), ids, state, limits)
    assert expected.ids == [SYMBOL] * 30 + [END]
    assert [each[0].ids for each in found] == [expected.ids] * 2
