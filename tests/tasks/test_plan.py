"""A plan keeps every setting that is given, and what it adds goes with each of them."""

import random
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import annotated_types
import numpy as np
import pytest
import torch

from elman.cells import BUILTIN, GRU
from elman.data import Audio, Utterance
from elman.errors import SettingsError
from elman.tasks import Classify, Forecast, Language, Speech, Task
from elman.tasks.plan import LENGTH, Plan
from elman.tasks.speech.dataset import SpeechData

RNG = np.random.default_rng(0)


def say(text: str) -> Audio:
    time = np.arange(400) / 8000
    hertz = [{"a": 400, "b": 1500}.get(letter, 0) for letter in f" {text} "]
    tones = [np.sin(2 * np.pi * each * time) for each in hertz]
    return Audio(np.concatenate(tones).astype(np.float32) / 2, 8000)


SPOKEN = [(say(text), text) for text in ["a b", "b a", "a a", "b b"] * 3]
DAYS = np.arange("2024-01-01", "2024-03-01", dtype="datetime64[D]")
SALES = {"ds": DAYS, "y": np.arange(60) % 7 + RNG.normal(size=60) + 20}


def made(many: int) -> list[str]:
    """Words, of which hardly any occurs twice."""
    return ["".join(RNG.choice(list("abcdefgh"), 7)) for _ in range(many)]


NEW, LONG = made(40), [" ".join(made(51)) for _ in range(20)]
SAME = ["good film", "bad film"] * 20
STEPS = [RNG.normal(size=(6, 2)).astype("f") for _ in range(20)]
DATA: dict[str, tuple[type[Task], Any]] = {
    "texts of known words": (Classify, (SAME, ["+", "-"] * 20)),
    "short texts of new words": (Classify, (NEW, ["+", "-"] * 20)),
    "long texts of new words": (
        Classify,
        (LONG, ["+", "-"] * 10),
    ),
    "features": (Classify, (STEPS, ["+", "-"] * 10)),
    "few characters": (Language, ["the cat sat on the mat. " * 50]),
    "many characters": (Language, ["".join(map(chr, range(0x4E00, 0x4E00 + 700))) * 4]),
    "speech": (Speech, SPOKEN),
    "series": (Forecast, SALES),
}
QUICK: dict[str, Any] = {"backend": "reference", "baselines": False, "num_layers": 1}


def alternatives(name: str, field: Any) -> list[Any]:
    """Some values that a setting may have, beside its default."""
    if name == "cell":
        return [*BUILTIN, GRU]
    kinds = [field.annotation, *get_args(field.annotation)]
    found = [value for kind in kinds if get_origin(kind) is Literal for value in get_args(kind)]
    if bool in kinds:
        found += [True, False]
    bounds = [each for each in field.metadata if isinstance(each, annotated_types.BaseMetadata)]
    low = next((each.ge for each in bounds if isinstance(each, annotated_types.Ge)), 0)
    if int in kinds:
        found += [low, low + 1, low + 7, low + 300]
    if float in kinds:
        found += [0.1, 0.5, 1.0, 30.0]
    if type(None) in kinds:
        found.append(None)
    return found


def combinations(kind: type[Task], many: int) -> Iterator[dict[str, Any]]:
    """Every alternative alone, and so many random choices of a few."""
    fields = kind.settings_type.model_fields
    leave = {"device", "monitor", "tensorboard", "sample_rate", "frequency", "dilations", "channel"}
    open_to = {n: alternatives(n, f) for n, f in fields.items() if n not in leave}
    every = [(name, value) for name, values in open_to.items() for value in values]
    yield from ({name: value} for name, value in every)
    draw = random.Random(0)
    yield from (dict(draw.sample(every, draw.randint(2, 5))) for _ in range(many))


@pytest.mark.parametrize("name", DATA)
def test_a_plan_goes_with_all_that_is_given(name: str) -> None:
    kind, data = DATA[name]
    trained = kind()
    dataset = trained.read(data, labelled=True)
    train, _ = trained.split(dataset)
    planned = set(trained.plan(train).settings)
    assert {"epochs", "hidden_size"} <= planned
    tried = 0
    for given in combinations(kind, 80):
        try:
            task = kind(**given)
        except SettingsError:
            continue  # what is given does not go together
        plan = task.plan(train)
        chosen = plan.without(task.asked)
        kind.settings_type(**{**task.asked, **chosen})
        assert not set(chosen) & set(given)
        assert plan.facts
        tried += 1
    assert tried > 120


BUILT: dict[str, list[dict[str, Any]]] = {
    "short texts of new words": [{"vocabulary_size": 20}, {"min_count": 1, "lowercase": False}],
    "long texts of new words": [{"vocabulary_size": 20}, {"tokens": "characters"}],
    "features": [{"cell": GRU}, {"bidirectional": False, "pooling": "last"}],
    "few characters": [{"cell": "gru", "tie_weights": True}, {"embedding_size": 7}],
    "many characters": [{"tie_weights": False}, {"embedding_size": 7}, {"cell": GRU}],
    "speech": [{"cell": GRU}, {"bidirectional": True, "look_ahead": 0.1}, {"loss": "transducer"}],
    "series": [{"head": "student_t"}, {"dilations": (1, 2)}, {"attention": True}, {"cell": GRU}],
}


@pytest.mark.parametrize(
    ("name", "given"), [(name, given) for name, several in BUILT.items() for given in several]
)
def test_a_planned_network_can_be_trained(name: str, given: dict[str, Any]) -> None:
    kind, data = DATA[name]
    task = kind(**QUICK, **given, max_steps=1)
    assert task.fit(data, progress=False).record["training"]["steps"] == 1
    assert {**given, "cell": 0} == {n: getattr(task.settings, n) for n in given} | {"cell": 0}


def test_what_to_know_of_a_setting_is_told_where_it_is_chosen() -> None:
    plan = Plan("4 films", {"a": 1, "b": 2}, {"a": "it is one"})
    assert plan.words(plan.without({"b": 3})) == ["Data: 4 films", "Plan: a 1", "Note: it is one"]
    assert plan.words(plan.without({"a": 3})) == ["Data: 4 films", "Plan: b 2"]
    assert plan.words(plan.without({"a": 3, "b": 3})) == ["Data: 4 films"]


@pytest.mark.parametrize(
    ("texts", "seconds", "expected"),
    [(30, 6.0, (4, 188)), (850, 2.5, (16, 59)), (20_000, 4.0, (16, 10))],
)
def test_a_recogniser_learns_for_as_many_steps_as_its_utterances_need(
    texts: int, seconds: float, expected: tuple[int, int]
) -> None:
    frames = np.zeros((50, 40), np.float32)
    said = [Utterance(f"{i}", "yes no", features=frames) for i in range(texts)]
    data = SpeechData(tuple(said), (frames,) * texts, (seconds,) * texts, None, (), {})
    chosen = Speech().plan(data).settings
    assert (chosen["batch_size"], chosen["epochs"]) == expected
    assert chosen["epochs"] * -(-texts // chosen["batch_size"]) >= 1490
    assert Speech(batch_size=2).plan(data).settings["epochs"] >= 10
    forwards = Speech(bidirectional=False).plan(data).settings["epochs"]
    assert forwards * -(-texts // expected[0]) >= 3990


@pytest.mark.parametrize(("size", "deltas"), [(13, 2), (40, 0)])
def test_cepstra_have_slopes(size: int, deltas: int) -> None:
    frames = np.zeros((50, size), np.float32)
    one = Utterance("1", "yes no", features=frames)
    data = SpeechData((one,), (frames,), (0.5,), None, ("1",), {})
    assert Speech().plan(data).settings["deltas"] == deltas


def test_streaming_is_told_of_unless_it_is_asked_for() -> None:
    data = Speech().read(SPOKEN, labelled=True)
    assert any("--no-bidirectional" in note for note in Speech().plan(data).notes.values())
    for given in ({"look_ahead": 0.2}, {"bidirectional": False}):
        task = Speech(**given)
        plan = task.plan(data)
        assert not any(line.startswith("Note") for line in plan.words(plan.without(task.asked)))


@pytest.mark.parametrize(("days", "patience"), [(100, 5), (1200, None)])
def test_training_on_few_steps_ends_when_it_no_longer_helps(
    days: int, patience: int | None
) -> None:
    series = {"ds": np.arange(days).astype("datetime64[D]"), "y": np.arange(days) % 7 + 1.0}
    task = Forecast()
    train, _ = task.split(task.read(series, labelled=True))
    assert task.plan(train).settings.get("patience") == patience


def test_the_choice_of_a_season_is_told() -> None:
    task = Forecast(**QUICK, hidden_size=4, max_steps=1).fit(SALES, progress=False)
    assert task.planned[0].startswith("Data: 1 series of 60 steps (")
    assert task.planned[-1] == f"Chosen: {task.record['data']['chosen']}"
    given = Forecast(**QUICK, hidden_size=4, max_steps=1, season=7, smoothing=False)
    assert not any("Chosen" in line for line in given.fit(SALES, progress=False).planned)


@pytest.mark.parametrize("name", ["texts of known words", "few characters", "speech", "series"])
def test_presets_are_of_three_sizes(name: str) -> None:
    kind, data = DATA[name]
    found = {}
    for preset in LENGTH:
        task = kind(**QUICK, preset=preset, max_steps=1).fit(data, progress=False)
        found[preset] = task.settings.epochs, task.settings.hidden_size
        assert any("hidden_size" in line for line in task.planned)
    epochs, sizes = zip(*(found[preset] for preset in ("small", "default", "best")), strict=True)
    assert list(epochs) == sorted(epochs)
    assert list(sizes) == sorted(set(sizes))


@pytest.mark.parametrize("name", ["texts of known words", "few characters", "speech", "series"])
def test_a_budget_ends_a_planned_run(name: str) -> None:
    kind, data = DATA[name]
    task = kind(**QUICK, hidden_size=4, budget="2s").fit(data, progress=False)
    assert task.record["training"]["seconds"] < 8
    assert torch.isfinite(torch.tensor([each["loss"] for each in task.history])).all()
    assert task.planned


def test_a_short_budget_has_a_language_model_of_fewer_units() -> None:
    text = ["".join(random.Random(0).choices("abcdefgh ", k=600_000))]
    sizes = [
        Language(budget=budget).plan(Language().read(text, labelled=True)).settings["hidden_size"]
        for budget in ("10s", "3m", "10h")
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] == 128
    assert (
        sizes[-1] == Language().plan(Language().read(text, labelled=True)).settings["hidden_size"]
    )
