import pytest
import torch
from torch import tensor

from elman.decode.sampling import Sampling
from elman.errors import SettingsError

PROBABILITIES = tensor([0.1, 0.4, 0.2, 0.3], dtype=torch.float64)
SCORES = PROBABILITIES.log() + 5


def close(sampling: Sampling, expected: list[float]) -> None:
    torch.testing.assert_close(
        sampling.probabilities(SCORES), tensor(expected, dtype=torch.float64), rtol=1e-9, atol=1e-99
    )


def test_as_they_are() -> None:
    close(Sampling(), PROBABILITIES.tolist())


def test_temperature_is_a_power_of_the_probabilities() -> None:
    squares = PROBABILITIES**2
    close(Sampling(temperature=0.5), (squares / squares.sum()).tolist())
    roots = PROBABILITIES.sqrt()
    close(Sampling(temperature=2.0), (roots / roots.sum()).tolist())


def test_temperature_zero_takes_the_likeliest_and_of_equals_the_first() -> None:
    close(Sampling(temperature=0), [0, 1, 0, 0])
    assert Sampling(temperature=0).draw(tensor([1.0, 3.0, 3.0]), torch.Generator()) == 1


def test_a_temperature_near_zero_is_near_greedy() -> None:
    for temperature in (1e-3, 1e-40, 5e-324):
        close(Sampling(temperature=temperature), [0, 1, 0, 0])


def test_top_k() -> None:
    close(Sampling(top_k=1), [0, 1, 0, 0])
    close(Sampling(top_k=2), [0, 4 / 7, 0, 3 / 7])
    close(Sampling(top_k=99), PROBABILITIES.tolist())


def test_top_k_keeps_k_of_equals() -> None:
    assert int((Sampling(top_k=2).probabilities(torch.zeros(5)) > 0).sum()) == 2


@pytest.mark.parametrize(
    ("top_p", "expected"),
    [
        (0.3, [0, 1, 0, 0]),
        (0.5, [0, 4 / 7, 0, 3 / 7]),  # 0.4 alone is not half
        (0.8, [0, 4 / 9, 2 / 9, 3 / 9]),
        (1.0, [0.1, 0.4, 0.2, 0.3]),
        (1e-9, [0, 1, 0, 0]),
    ],
)
def test_the_nucleus_is_the_fewest_tokens_with_that_probability(
    top_p: float, expected: list[float]
) -> None:
    close(Sampling(top_p=top_p), expected)


def test_the_nucleus_is_of_what_temperature_and_top_k_left() -> None:
    # of the three likeliest (4/9, 3/9, 2/9) two make up 0.7
    close(Sampling(top_k=3, top_p=0.7), [0, 4 / 7, 0, 3 / 7])
    # squared: 16/30 is more than half already
    close(Sampling(temperature=0.5, top_p=0.5), [0, 1, 0, 0])


def test_draws_have_the_probabilities() -> None:
    generator = torch.Generator().manual_seed(0)
    sampling, count = Sampling(temperature=0.7, top_k=3), 5_000
    drawn = tensor([sampling.draw(SCORES, generator) for _ in range(count)])
    expected = sampling.probabilities(SCORES)
    found = torch.bincount(drawn, minlength=4) / count
    deviation = (expected * (1 - expected) / count).sqrt()
    assert ((found - expected).abs() <= 4 * deviation).all()
    assert found[0] == 0


def test_the_scores_are_left_as_they_were() -> None:
    scores = SCORES.clone()
    Sampling(temperature=0.5, top_k=2, top_p=0.5).probabilities(scores)
    assert torch.equal(scores, SCORES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -0.1}, "temperature must be 0 or more, got -0.1"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": float("inf")}, "temperature"),
        ({"top_k": 0}, "top_k must be a whole number, 1 or more, got 0"),
        ({"top_p": 0.0}, "top_p must be above 0"),
        ({"top_p": 1.1}, "top_p must be above 0 and at most 1, got 1.1"),
    ],
)
def test_useless_values(options: dict[str, float], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Sampling(**options)  # type: ignore[arg-type]
