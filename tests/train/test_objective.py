"""The metric that decides: its name and its direction."""

import math

import pytest

from elman.errors import SettingsError
from elman.train.objective import Goal


@pytest.mark.parametrize(
    ("name", "maximize"),
    [
        ("accuracy", True),
        ("macro_f1", True),
        ("valid-loss", False),
        ("perplexity", False),
        ("bits_per_character", False),
        ("wer", False),
    ],
)
def test_known_names_have_a_direction(name, maximize):
    assert Goal(name).maximize is maximize
    assert Goal(name, not maximize).maximize is (not maximize)


@pytest.mark.parametrize("name", ["joy", "loss_of_accuracy"])
def test_other_names_need_one(name):
    with pytest.raises(SettingsError, match=f"'{name}': pass maximize"):
        Goal(name)
    assert Goal(name, True).better(2.0, 1.0)


def test_the_name_is_found_in_the_first_evaluation():
    assert Goal().value({"accuracy": 0.5}) == 0.5
    assert Goal().value({"accuracy": 0.5, "loss": 2.0}) == 2.0
    with pytest.raises(SettingsError, match="gave 'a', 'b'"):
        Goal().value({"a": 1.0, "b": 2.0})
    with pytest.raises(SettingsError, match="gave nothing"):
        Goal().value({})


def test_only_strictly_better_counts_and_nan_never():
    higher, lower = Goal("accuracy"), Goal("loss")
    assert higher.better(0.2, 0.1)
    assert not higher.better(0.1, 0.1)
    assert lower.better(0.1, 0.2)
    assert not lower.better(math.inf, 0.2)
    assert lower.better(0.1, None)
    assert not lower.better(math.nan, None)


def test_among_equal_metrics_the_lower_loss_is_kept_else_the_later():
    goal = Goal("accuracy")

    def compare(accuracy, loss=None, best=0.5, best_loss=1.0):
        metrics = {"accuracy": accuracy} | ({} if loss is None else {"loss": loss})
        return tuple(goal.compare(metrics, best, best_loss))

    assert compare(0.6, 9.0) == (True, True)
    assert compare(0.4, 0.1) == (False, False)
    assert compare(0.5, 0.9) == (True, True)
    assert compare(0.5, 1.1) == (False, False)
    assert compare(0.5, 1.0) == (True, False)
    assert compare(0.5, math.nan) == (False, False)
    assert compare(0.5, 3.0, best_loss=math.nan) == (True, True)
    assert compare(0.5, best_loss=None) == (True, False)
    assert compare(0.5, 2.0, best=None, best_loss=None) == (True, True)
    assert compare(math.nan, 0.1) == (False, False)
