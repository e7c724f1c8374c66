"""Two models of a task beside each other."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_tasks import MADE, SMALL

from elman.baselines.bootstrap import p_value
from elman.cli.app import main
from elman.errors import SettingsError
from elman.tasks import Classify, Forecast
from elman.tasks.significance import Scored, difference


def trained(kind: str, seed: int, **given: Any) -> Any:
    task, own, data, _ = MADE[kind]
    return task(**{**SMALL, **own, **given}, seed=seed).fit(data, progress=False)


def test_the_p_value_is_that_of_a_normal_mean() -> None:
    draw = np.random.default_rng(3).normal(size=400)
    draw = (draw - draw.mean()) / draw.std()
    for shift, expected in ((0.0, 1.0), (0.05, 0.317), (0.098, 0.05)):  # 0, 1 and 1.96 errors
        assert p_value(draw + shift, resamples=4000) == pytest.approx(expected, abs=0.03)
    weights = np.arange(400) % 3 + 1.0
    own = p_value((draw + 0.1) * weights, weights, resamples=500)
    assert own == p_value((draw + 0.1) * weights * 2, weights * 2, resamples=500)


def test_a_difference_is_of_the_same_examples() -> None:
    names = [str(i) for i in range(40)]
    one = Scored("accuracy", np.ones(40), names)
    two = Scored("accuracy", np.zeros(40), names)
    found = difference(one, two)
    assert (found.own, found.other) == (1.0, 0.0)
    assert found.p < 0.002
    with pytest.raises(SettingsError, match="40 and 39 examples"):
        difference(one, Scored("accuracy", np.ones(39), names[:39]))
    with pytest.raises(SettingsError, match="number 3 is '3' to one and 'x' to the other"):
        difference(one, Scored("accuracy", np.ones(40), [*names[:3], "x", *names[4:]]))


@pytest.mark.filterwarnings("ignore")  # of models this small
@pytest.mark.parametrize(
    ("kind", "metric"),
    [("classify", "accuracy"), ("language", "loss"), ("speech", "wer"), ("forecast", "mae")],
)
def test_every_task_compares_its_models(kind: str, metric: str) -> None:
    own, other = trained(kind, 0), trained(kind, 1)
    data = MADE[kind][2]
    (same,) = own.compare(own, data)
    (found,) = own.compare(other, data)
    (turned,) = other.compare(own, data)
    assert same.own == same.other
    assert same.p == 1
    assert found.metric == metric
    assert found.own == pytest.approx(own.evaluate(data)[metric], rel=1e-5)
    assert found.other == pytest.approx(other.evaluate(data)[metric], rel=1e-5)
    assert (turned.own, turned.other) == (found.other, found.own)
    assert turned.p == pytest.approx(found.p)


@pytest.mark.filterwarnings("ignore")
def test_models_that_cannot_be_compared() -> None:
    task = trained("classify", 0)
    with pytest.raises(SettingsError, match=r"task forecast cannot be compared .* task classify"):
        task.compare(Forecast(horizon=3), MADE["classify"][2])
    with pytest.raises(SettingsError, match="not trained"):
        task.compare(Classify(), MADE["classify"][2])
    one, two = trained("language", 0), trained("language", 0, tokens="words")
    with pytest.raises(SettingsError, match="the models read"):
        one.compare(two, MADE["language"][2])


@pytest.mark.filterwarnings("ignore")
def test_the_command_compares_two_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    texts, labels = MADE["classify"][2]
    Path("data.tsv").write_text(
        "text\tlabel\n" + "".join(f"{t}\t{n}\n" for t, n in zip(texts, labels, strict=True))
    )
    for seed, name in ((0, "one"), (1, "two")):
        trained("classify", seed).save(name)
    trained("forecast", 0).save("other")
    main(["evaluate", "one", "two", "--data", "data.tsv"])
    first = capsys.readouterr()
    assert "two" in first.out
    assert "p below 0.05" in first.err
    main(["evaluate", "one", "--against", "two", "--data", "data.tsv"])
    assert capsys.readouterr() == first
    main(["evaluate", "one", "two", "--data", "data.tsv", "--json"])
    row = json.loads(capsys.readouterr().out)
    assert set(row) == {"metric", "own", "other", "p", "note"}
    for words, message in (
        (["one", "other"], "task forecast cannot be compared"),
        (["one", "two", "--against", "two"], "not both"),
        (["one", "nowhere"], "nowhere"),
    ):
        with pytest.raises(SystemExit):
            main(["evaluate", *words, "--data", "data.tsv"])
        assert message in capsys.readouterr().err
