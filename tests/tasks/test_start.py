"""Training that starts from a saved model takes its weights and preprocessing."""

import signal
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from small_tasks import MADE, SMALL, sales, say

import elman
from elman.errors import DataError, ElmanError, ModelError, SettingsError
from elman.tasks import Forecast, Language, Task
from elman.train import TrainingInterrupted


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("XDG_CACHE_HOME", str(root / "cache"))
        for name, (kind, settings, data, _) in MADE.items():
            kind(**SMALL, **settings).fit(data, progress=False).save(root / name)
    return root


def weights(task: Task) -> dict[str, torch.Tensor]:
    return {n: w for n, w in task.model.state_dict().items() if n not in task.found_after_training}


def watched(kind: type[Task]) -> Any:
    """The task, which keeps the weights that its training begins with."""

    class Watched(kind):  # type: ignore[misc, valid-type]
        begun: Any = None

        def loss(self, model: Any, batch: Any, state: Any) -> Any:
            if self.begun is None:
                self.begun = {n: w.clone() for n, w in weights(self).items()}
            return super().loss(model, batch, state)

    return Watched


@pytest.mark.parametrize("name", MADE)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_other_data_is_learnt_from_the_saved_weights(
    name: str, models: Path, tmp_path: Path
) -> None:
    kind, _, _, other = MADE[name]
    saved = elman.load(models / name)
    settings = {"lr": 1e-3, "dropout": 0.1, "epochs": 1, "schedule": "constant", "seed": 5}
    task = watched(kind)(**settings).fit(
        other, folder=tmp_path / "run", start_from=models / name, progress=False
    )
    assert task.begun.keys() == weights(saved).keys()
    for each, weight in weights(saved).items():
        assert torch.equal(task.begun[each], weight), each
    assert any(not torch.equal(w, weights(task)[n]) for n, w in weights(saved).items())
    assert (task.settings.hidden_size, task.settings.lr, task.settings.dropout) == (6, 1e-3, 0.1)
    for each in ("vocabulary", "alphabet", "view", "calendar", "labels", "acoustic"):
        if getattr(saved, each, None) is not None:
            one, two = getattr(saved, each), getattr(task, each)
            assert one.hash == two.hash if each == "vocabulary" else one == two, each
    again = elman.load(tmp_path / "run")
    assert again.record["training"]["started_from"] == task.record["training"]["started_from"]
    twice = kind(**settings).fit(other, start_from=saved, progress=False)
    for each, weight in weights(task).items():
        assert torch.equal(weight, weights(twice)[each]), each


def test_a_low_rate_stays_near_and_more_epochs_go_on_from_there(models: Path) -> None:
    kind, _, data, _ = MADE["language"]

    def loss(task: Any) -> float:
        task.model.head.ngram_share.zero_()  # the network alone
        return task.evaluate(data)["loss"]

    before = loss(elman.load(models / "language"))
    near = kind(lr=1e-9, epochs=1).fit(data, start_from=models / "language", progress=False)
    assert loss(near) == pytest.approx(before, abs=1e-4)
    more = kind(lr=0.02, epochs=10).fit(data, start_from=models / "language", progress=False)
    assert loss(more) < before - 0.3


def test_the_calibration_is_found_anew(models: Path) -> None:
    kind, _, data, _ = MADE["classify"]
    task = kind(lr=1e-12, epochs=1, ema=0, baselines=False).fit(
        data, data, start_from=models / "classify", progress=False
    )
    first = float(task.model.head.temperature)
    again = kind(lr=1e-12, epochs=1, ema=0, baselines=False)
    again = again.fit(data, data, start_from=task, progress=False)
    assert float(again.model.head.temperature) == pytest.approx(first)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("classify", {"hidden_size": 7}),
        ("classify", {"cell": "gru", "pooling": "last"}),
        ("classify", {"tokens": "characters"}),
        ("language", {"embedding_size": 5}),
        ("language", {"tie_weights": True}),
        ("speech", {"bins": 20}),
        ("speech", {"loss": "transducer"}),
        ("forecast", {"horizon": 4}),
        ("forecast", {"head": "normal"}),
        ("forecast", {"layer_norm": True}),
    ],
)
def test_settings_that_do_not_fit_are_named(
    name: str, settings: dict[str, Any], models: Path
) -> None:
    kind, _, _, other = MADE[name]
    with pytest.raises(SettingsError, match="start_from: ") as caught:
        kind(**settings).fit(other, start_from=models / name, progress=False)
    for each, value in settings.items():
        assert f"{each} was " in str(caught.value)
        assert f" is {value!r}" in str(caught.value)


FOUND = [
    ("forecast", "season", 7, 6),
    ("forecast", "frequency", "D", "h"),
    ("forecast", "frequency", "24h", "48h"),
    ("forecast", "smoothing", False, True),
    ("speech", "sample_rate", 8000, 16000),
    ("language", "vocabulary_size", 13, 14),
    ("classify", "vocabulary_size", 8, 7),
]


@pytest.mark.parametrize(("name", "setting", "same", "other"), FOUND)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_setting_that_the_model_found_itself_is_no_contradiction(
    name: str, setting: str, same: Any, other: Any, models: Path
) -> None:
    kind, _, _, data = MADE[name]
    assert getattr(elman.load(models / name).settings, setting) is None
    task = kind(epochs=1, **{setting: same})
    task.fit(data, start_from=models / name, progress=False)
    assert getattr(task.settings, setting) is None
    with pytest.raises(SettingsError, match=f"{setting} was None and is {other!r}"):
        kind(**{setting: other}).fit(data, start_from=models / name, progress=False)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("classify", (["bad play", "so so"] * 4, ["-", "?"] * 4), "model: '\\?'; it knows"),
        ("classify", (["bad play"] * 8, [("-",), ("+", "new")] * 4), "model: 'new'; it knows"),
        ("language", ["the zoo! " * 30], "characters .* vocabulary: '!', 'z'; take"),
        ("speech", [(say("a"), "a"), (say("b"), "bc")] * 3, "have 'c', not in"),
    ],
)
def test_what_the_preprocessing_lacks_is_named(
    name: str, data: Any, words: str, models: Path
) -> None:
    with pytest.raises(DataError, match=f"start_from: .*{words}"):
        MADE[name][0]().fit(data, start_from=models / name, progress=False)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_categories_and_series_that_a_forecaster_lacks(tmp_path: Path) -> None:
    table = {**sales("2024-01-01"), "kind": ["big"] * 60 + ["small"] * 60}
    task = Forecast(**SMALL, horizon=3, static="kind", smoothing=True).fit(table, progress=False)
    other = {**table, "kind": ["big"] * 60 + ["huge"] * 60}
    with pytest.raises(
        DataError, match=r"kind of the series b is 'huge', which .* knows big, small"
    ):
        Forecast().fit(other, start_from=task, progress=False)
    other = {**table, "unique_id": ["a"] * 60 + ["c"] * 60}
    with pytest.raises(DataError, match="no smoothing of the series c"):
        Forecast().fit(other, start_from=task, progress=False)


def test_what_cannot_be_started_from(models: Path, tmp_path: Path) -> None:
    data = MADE["language"][2]
    for start, words in [
        (models / "classify", "of the task classify, and this is language"),
        (tmp_path, "is not a saved model"),
        ("", "a path is needed"),
        (3, "a path is needed"),
        (Language(), "is not trained"),
    ]:
        with pytest.raises(ElmanError, match=words):
            Language().fit(data, start_from=start, progress=False)
    path = models / "language"
    with pytest.raises(SettingsError, match="is the folder to be written"):
        Language().fit(data, start_from=path, folder=path, progress=False)


def test_an_interrupted_run_resumes_only_from_the_same_weights(
    models: Path, tmp_path: Path
) -> None:
    kind, _, data, other = MADE["language"]

    class Stopped(kind):  # type: ignore[misc, valid-type]
        def loss(self, *given: Any) -> Any:
            signal.raise_signal(signal.SIGTERM)
            return super().loss(*given)

    start = models / "language"
    settings = {"epochs": 1, "lr": 0.01}
    whole = kind(**settings).fit(other, start_from=start, progress=False)
    folder = tmp_path / "run"
    with pytest.raises(TrainingInterrupted):
        Stopped(**settings).fit(other, start_from=start, folder=folder, progress=False)
    with pytest.raises(ModelError, match="checkpoint of a run that has not ended: resume it"):
        kind().fit(data, start_from=folder, progress=False)
    another = kind(epochs=1).fit(data, start_from=start, progress=False)
    with pytest.raises(SettingsError, match="start_from was '"):
        kind(**settings).fit(other, start_from=another, folder=folder, resume=True, progress=False)
    resumed = kind(**settings).fit(
        other, start_from=start, folder=folder, resume=True, progress=False
    )
    for name, weight in weights(whole).items():
        assert torch.equal(weight, weights(resumed)[name])
