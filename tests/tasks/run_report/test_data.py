import numpy as np
import pytest

from elman.tasks.run_report.data import Duplicates, key_of, lengths


def test_equal_inputs_have_equal_keys() -> None:
    a = np.arange(6, dtype=np.float32).reshape(3, 2)
    assert key_of(a) == key_of(a.copy()) == key_of(np.asfortranarray(a))
    assert key_of(a) != key_of(a.reshape(2, 3))
    assert key_of(a) != key_of(a + 1)
    assert key_of("a") == "a"


def test_duplicates_are_counted_within_and_across() -> None:
    found = Duplicates.of_inputs(list("aabcc"), list("axca"), list("++--+"))
    assert found.within == 2
    assert found.shared == [0, 2, 3]
    assert found.contradicting == [3, 4]
    text = "".join(found.parts("texts", lambda i: f"<input {i}>"))
    assert "2 of the training texts repeat another; 3 of the 4 validation texts" in text
    assert "&lt;input 3&gt;" in text
    assert "2 training texts have equal ones with other labels" in text
    assert "3 of 4 validation inputs" in found.advice[0]


def test_no_advice_on_a_few_duplicates_or_none() -> None:
    assert Duplicates.of_inputs(["a"], []).advice == []
    assert Duplicates.of_inputs(["a"], ["b"]).advice == []
    assert Duplicates.of_inputs(["a"], ["a", *map(str, range(200))]).advice == []


@pytest.mark.parametrize("values", [[1, 1, 2, 3, 3, 3, 40], [0.5, 0.25, 3.75], [7, 8], [5]])
def test_a_histogram_counts_every_length(values: list[float]) -> None:
    text = "".join(lengths(values, "steps"))
    counts = text.split('<td class="n">')[1:]
    total = sum(int(part.partition("<")[0]) for part in counts)
    assert total == (len(values) if len(set(values)) > 1 else 0)
    assert f"{max(values):g}" in text


def test_no_lengths_of_nothing() -> None:
    assert lengths([], "steps") == []
