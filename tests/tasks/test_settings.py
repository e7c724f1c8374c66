"""Settings of all tasks: one name for one meaning, old names still read, one kind of error."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

import elman
from elman.data import AcousticFeatures, Utterance
from elman.data.validation import Settings
from elman.errors import ElmanError, SettingsError
from elman.tasks import Classify, Forecast, Language, Speech
from elman.tasks.settings import RecurrentSettings, validated, with_defaults
from elman.tasks.storage import checksum
from elman.train import TrainSettings
from elman.train.resume import plain, refuse_other_terms

TASKS = {task.name: task for task in (Classify, Forecast, Language, Speech)}


def test_a_setting_of_several_tasks_has_one_type_and_the_same_bounds() -> None:
    forms: dict[str, dict[str, Any]] = {}
    for task in TASKS.values():
        for name, form in task.settings_type.model_json_schema()["properties"].items():
            kept = {k: v for k, v in form.items() if k not in ("default", "description", "title")}
            forms.setdefault(name, {})[json.dumps(kept, sort_keys=True)] = task.name
    different = {name for name, kinds in forms.items() if len(kinds) > 1}
    # Of a forecaster's series steps may be counted out, too.
    assert different <= {"tokens", "metric", "held_out", "text", "label"}


def test_sound_is_described_by_the_same_settings() -> None:
    for name in ("acoustic", "bins", "sample_rate", "held_out", "path"):
        assert {name} <= Classify.settings_type.model_fields.keys()
        assert {name} <= Speech.settings_type.model_fields.keys()


def test_defaults_are_changed_for_one_class_alone() -> None:
    @with_defaults({"cell": "The cell."}, hidden_size=7, cell="gru")
    class Small(RecurrentSettings):
        kind: Literal["a"] = "a"

    assert (Small().hidden_size, Small().cell) == (7, "gru")
    assert Small.model_fields["cell"].description == "The cell."
    assert (RecurrentSettings().hidden_size, RecurrentSettings().cell) == (128, "lstm")
    with pytest.raises(SettingsError, match="hidden_size"):
        Small(hidden_size=0)
    with pytest.raises(KeyError):
        with_defaults(no_such=1)(RecurrentSettings)


def test_old_names_are_keywords_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="rate is called sample_rate now") as told:
        task = Speech(rate=8000)
    assert told[0].filename == __file__
    assert task.settings.sample_rate == 8000
    assert task.asked == {"sample_rate": 8000}
    with pytest.warns(UserWarning, match="features is called acoustic now"):
        assert Speech(features="mfcc").settings.acoustic == "mfcc"
    with pytest.warns(UserWarning, match="is called"):
        assert Speech(features="mfcc", acoustic="log_mel").settings.acoustic == "log_mel"


def test_old_names_are_flags_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="the flag --rate is called --sample-rate now"):
        found = Speech.settings_type.current_flags(["--rate=8000", "--bins", "20"])
    assert found == ["--sample-rate=8000", "--bins", "20"]
    words = ["--sample-rate", "8000", "rate"]
    assert Speech.settings_type.current_flags(words) == words


def test_a_model_saved_with_old_names_loads(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    data = [
        Utterance(f"u{i}", "ab", features=random.normal(size=(30, 3)).astype(np.float32))
        for i in range(8)
    ]
    task = Speech(hidden_size=4, num_layers=1, max_steps=1, ngram=0, beam=1, sample_rate=8000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        task.fit(data, folder=tmp_path / "model", progress=False)
    path = tmp_path / "model" / "config.json"
    config = json.loads(path.read_text())
    for new, old in {"sample_rate": "rate", "acoustic": "features"}.items():
        config["settings"][old] = config["settings"].pop(new)
    del config["checksum"]
    path.write_text(json.dumps({**config, "checksum": checksum(config)}))
    loaded = elman.load(tmp_path / "model")
    assert loaded.settings == task.settings.model_copy(update={"device": "auto"})
    assert loaded.predict(data) == task.predict(data)


def test_a_run_that_began_with_old_names_can_be_resumed() -> None:
    settings = Speech(sample_rate=8000).settings
    now = {"settings": plain(settings), "batches": 1, "data": "x", "start": None, "device": "cpu"}
    then = {**now, "settings": dict(now["settings"])}
    then["settings"]["rate"] = then["settings"].pop("sample_rate")
    refuse_other_terms(then, now, settings, "checkpoint")
    then["settings"]["rate"] = 16000
    with pytest.raises(SettingsError, match="sample_rate was 16000 and is 8000"):
        refuse_other_terms(then, now, settings, "checkpoint")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: TrainSettings(lr=-1),
        lambda: TrainSettings(momentum=0.9),
        lambda: TrainSettings(no_such=1),
        lambda: RecurrentSettings(cell=3),
        lambda: AcousticFeatures(bins=1),
        lambda: Classify(lr=-1),
        lambda: Speech(look_ahead=1, bidirectional=False),
        lambda: Forecast(held_out=1.5),
        lambda: Forecast(dilations=(0,)),
        lambda: Language(encoding="no such"),
        lambda: Classify(cell=3),
        lambda: elman.LSTM(3, 0),
        lambda: elman.LSTM("3", 4),
        lambda: elman.layer("lstm", 3, 4, dropout="much"),
        lambda: elman.layer("lstm", 3, 4, zoneout={"z": 0.1}),
        lambda: elman.layer("lstm", 3, 4, backend="gpu"),
        lambda: elman.layer("no such", 3, 4),
        lambda: elman.layer(3, 3, 4),
        lambda: elman.LSTM(3, 4)(3),
    ],
)
def test_what_a_user_can_mend_is_one_kind_of_error(wrong: Callable[[], Any]) -> None:
    with pytest.raises(SettingsError) as caught:
        wrong()
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, ElmanError)
    assert "\n" not in str(caught.value)
    assert not str(caught.value).startswith("Value error")


def test_plain_values_are_validated_alike() -> None:
    with pytest.raises(SettingsError, match=r"^hidden_size: .*got 0$"):
        validated(RecurrentSettings, {"hidden_size": 0})


def test_settings_within_settings_keep_their_place_in_messages() -> None:
    class Outer(Settings):
        inner: AcousticFeatures

    with pytest.raises(SettingsError, match=r"^inner\.bins: "):
        Outer(inner={"bins": 1})


@pytest.mark.parametrize(("held_out", "steps"), [(0.25, 25), (12, 12), (12.0, 12), (None, 10)])
def test_a_forecaster_holds_out_a_share_or_steps(held_out: float | None, steps: int) -> None:
    series = {"ds": np.arange(100), "y": np.sin(np.arange(100.0))}
    task = Forecast(horizon=2, season=4, hidden_size=4, max_steps=2, held_out=held_out)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        task.fit(series, progress=False)
    assert task.record["data"]["held_out_steps"] == steps
