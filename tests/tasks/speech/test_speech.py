"""The recogniser: bad input, options, saving, and the same result after a break."""

import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import elman
from elman.data import Audio, Utterance, check_utterances, read_utterances, resampled
from elman.decode.arpa import write_arpa
from elman.decode.ngram import estimate
from elman.errors import DataError, ModelError, SettingsError
from elman.tasks import Language, Speech

Say = Callable[..., Audio]
Spoken = Callable[..., list[tuple[Audio, str]]]


def write(path: Path, audio: Audio, subtype: str = "PCM_16", channels: int = 1) -> Path:
    samples = np.repeat(audio.samples[:, None], channels, 1)
    soundfile.write(path, samples, audio.rate, subtype=subtype)
    return path


@pytest.mark.parametrize("name", ["forward", "both", "ahead", "transducer"])
def test_it_has_learnt(name: str, spoken: Spoken, request: pytest.FixtureRequest) -> None:
    task: Speech = request.getfixturevalue(name)
    found = task.report(spoken(8, 2))
    assert found.cer.rate < 0.3
    assert found.metrics["wer"] == found.wer.rate
    assert found.metrics["utterances"] == 8
    assert 0 < found.real_time_factor < 1
    wrong = sum(a.text != b for a, b in zip(found.transcripts, found.references, strict=True))
    assert found.alignment().count("REF") == wrong
    assert task.record["metrics"]["cer"] <= 0.4


def test_single_words_are_saved_without_a_model_of_word_order(say: Say, tmp_path: Path) -> None:
    pairs = [(say(text), text) for text in ("ab", "bc", "cab")]
    task = Speech(ngram=2, hidden_size=8, num_layers=1, epochs=1, bins=20)
    task.fit(pairs, pairs, progress=False)
    assert task.words is None
    task.save(tmp_path)
    sounds = [sound for sound, _ in pairs]
    assert elman.load(tmp_path).predict(sounds) == task.predict(sounds)


def test_nothing_else_is_lost_of_bad_input(both: Speech, say: Say, tmp_path: Path) -> None:
    sound = say("ab cab", 3)
    text = both.predict([sound])[0]
    assert text == "ab cab"
    bad = {name: tmp_path / f"{name}.wav" for name in ("text", "empty", "none", "nan", "lost")}
    bad["text"].write_text("this is not audio")
    bad["empty"].touch()
    soundfile.write(bad["none"], np.zeros(0), 8000)
    nan = sound.samples.copy()
    nan[100] = np.nan
    soundfile.write(bad["nan"], nan, 8000, subtype="FLOAT")
    high = Audio(resampled(sound.samples, 8000, 96000), 96000)
    good = [
        write(tmp_path / "8bit.wav", sound, "PCM_U8"),
        write(tmp_path / "stereo.flac", sound, channels=2),
        write(tmp_path / "fine.wav", high, "PCM_24"),
    ]
    mixed = [bad["text"], good[0], bad["empty"], good[1], bad["none"], bad["nan"], good[2]]
    found = both.transcribe([*mixed, bad["lost"]])
    assert [each.text for each in found] == ["", text, "", text, "", "", text, ""]
    assert [each.error is None for each in found] == [bool(each.text) for each in found]
    for each, words in (
        (found[0], "not audio"),
        (found[2], "is empty"),
        (found[4], "no samples"),
        (found[5], "1 of"),
        (found[7], "lost.wav"),
    ):
        assert each.error is not None
        assert words in each.error
        assert each.name in each.error
    with pytest.warns(UserWarning, match="not transcribed: .*is not audio"):
        assert both.predict([bad["text"], good[0]]) == ["", text]
    with pytest.raises(DataError, match="is not audio"):
        both.log_probs([good[0], bad["text"]])


def test_predictions_hold_words_with_times_and_further_hypotheses(
    both: Speech, say: Say, tmp_path: Path
) -> None:
    sound = write(tmp_path / "said.wav", say("ab cab", 3))
    (tmp_path / "bad.wav").write_text("this is not audio")
    data = [tmp_path / "bad.wav", sound]
    broken, found = both.predictions(data, n=2, hot_words=["cab"])
    assert (found.value, found.error, found.input) == ("ab cab", None, str(sound))
    assert [word.text for word in found.details["words"]] == ["ab", "cab"]
    assert len(found.details["others"]) == 1
    assert broken.value is None
    assert "not audio" in str(broken.error)
    assert broken.input == str(tmp_path / "bad.wav")
    transcript = both.transcribe(data, n=2, hot_words=["cab"])[1]
    assert transcript.hypotheses[0].words == found.details["words"]
    assert transcript.hypotheses[1:] == found.details["others"]
    assert found.to("srt").splitlines()[2] == "ab cab"
    assert [line.split()[4] for line in found.to("ctm").splitlines()] == ["ab", "cab"]
    content = json.loads(found.to("json"))
    assert [word["text"] for word in content["words"]] == ["ab", "cab"]
    with pytest.raises(SettingsError, match=r"srt .*not audio"):
        broken.to("srt")
    rows = both.rows(data)
    assert [(row["text"], row["name"]) for row in rows] == [
        (None, str(tmp_path / "bad.wav")),
        ("ab cab", str(sound)),
    ]
    assert rows[0]["error"] == broken.error
    assert rows[1]["error"] == ""
    assert "words" not in rows[1]
    json.dumps(rows)


def test_a_session_ends_with_what_can_be_written_as_subtitles(forward: Speech, say: Say) -> None:
    sound = say("ab cab", 3)
    session = forward.session()
    session.accept(sound.samples)
    assert session.finish().to("srt") == forward.predictions([sound])[0].to("srt")


def test_options_are_checked_before_anything_is_heard(
    both: Speech, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: Any, **__: Any) -> Any:
        raise AssertionError("nothing is to be read")

    monkeypatch.setattr("elman.tasks.speech.parts.find", read)
    for options in ({"n": 0}, {"pause": 0}, {"hot_words": 3}, {"lm_weight": -1}, {"beam": 3}):
        with pytest.raises(SettingsError):
            both.predictions([say("ab")], **options)
    with pytest.raises(SettingsError, match="no option beam; there are n, hot_words"):
        both.predictions([say("ab")], beam=3)


def test_preprocessing_is_frozen_and_holds_what_was_learnt(
    forward: Speech, say: Say, tmp_path: Path
) -> None:
    known = forward.preprocessing
    with pytest.raises(FrozenInstanceError):
        known.lm_weight = 2.0
    assert (known.alphabet.characters, known.acoustic.bins, known.features) == (" abc", 20, 20)
    assert (
        (forward.lm_weight, forward.word_bonus) == (known.lm_weight, known.word_bonus) == (0.5, 1)
    )
    assert known.words.words >= {"ab", "bc", "cab", "ca"}
    forward.save(tmp_path)
    again = elman.load(tmp_path).preprocessing
    assert again.to_config() == known.to_config()
    assert again.assets().keys() == known.assets().keys() == {"alphabet.json", "words.arpa"}
    assert again.front.read(np.ones((9, 20), np.float32)) == pytest.approx(
        known.front.read(np.ones((9, 20), np.float32)), abs=0
    )


def test_weights_of_words_are_found_anew_where_training_goes_on(
    spoken: Spoken, forward: Speech
) -> None:
    task = Speech(max_steps=1, lm_weight=0.25, word_bonus=None)
    task.fit(spoken(8, 3), spoken(3, 4), progress=False, start_from=forward)
    assert task.lm_weight == 0.25
    assert forward.lm_weight == 0.5
    assert task.alphabet is forward.alphabet


def test_the_card_tells_how_the_beam_search_does(forward: Speech, spoken: Spoken) -> None:
    found = forward.evaluate(spoken(8, 1))
    assert forward.record["metrics"]["cer"] == pytest.approx(found["cer"], abs=1e-6)
    assert forward.record["metrics"]["wer"] == pytest.approx(found["wer"], abs=1e-6)
    assert forward.record["metrics"]["wer"] < min(each["wer"] for each in forward.history)


def test_a_diagnosis_is_of_utterances_with_known_characters(
    forward: Speech, say: Say, spoken: Spoken
) -> None:
    data = [*spoken(3), (say("ab"), "xy")]
    with pytest.warns(UserWarning, match="(?s)data: 4 utterances.*not in the alphabet"):
        _, batch, loss, _ = forward.examine(data)
    assert len(batch.lengths) == 3
    assert 0 < float(loss(forward.model, batch).loss.detach()) < 100


def test_broken_utterances_are_not_learnt_from(
    learnt: Any, spoken: Spoken, say: Say, tmp_path: Path
) -> None:
    (tmp_path / "no.wav").write_text("this is not audio")
    bad = [
        (tmp_path / "no.wav", "ab"),
        (say("ab"), "ab " * 60 + "ab"),
        (Audio(np.zeros(8000, np.float32), 8000), "cab"),
    ]
    settings = {"epochs": 1, "ngram": 0, "hidden_size": 8, "bins": 12}
    small = Speech(**settings)
    with pytest.warns(UserWarning, match="training: 15 utterances") as caught:
        small.fit([*spoken(12), *bad], spoken(4, 1), progress=False)
    assert small.record["data"]["training_utterances"] == 12
    for words in ("is not audio", "transcript too long", "silence"):
        assert words in str(caught[0].message)
    with pytest.warns(UserWarning, match="(?s)validation: .*'d' is not in the alphabet"):
        small.fit(spoken(12), [*spoken(4, 1), (say("ab"), "abd")], progress=False)
    with pytest.raises(DataError, match="no utterance can be used"):
        Speech().fit(bad, progress=False)


def test_ready_features_and_sound_are_not_confused(both: Speech, say: Say) -> None:
    found = both.transcribe([np.zeros((30, 20), np.float32)])
    assert found[0].error is not None
    assert "the model reads sound" in found[0].error
    random = np.random.default_rng(0)
    ready = [
        Utterance(f"u{i}", "ab", features=random.normal(size=(30, 5)).astype(np.float32))
        for i in range(8)
    ]
    task = Speech(hidden_size=4, epochs=1, bidirectional=False, baselines=False)
    task.fit(ready, ready, progress=False)
    found = task.transcribe([say("ab")])
    assert found[0].error is not None
    assert "precomputed features, this is sound" in found[0].error
    assert "4 features a frame" in str(task.transcribe([np.zeros((9, 4), np.float32)])[0].error)
    session = task.stream()
    features = ready[0].features
    assert features is not None
    for at in range(0, 30, 7):
        session.accept(features[at : at + 7])
    assert session.finish().text == task.predict(ready)[0]
    with pytest.raises(DataError, match="finite"):
        task.stream().accept(np.full((3, 5), np.nan))
    with pytest.raises(SettingsError, match="reads precomputed features"):
        task.stream(rate=8000)


def test_hot_words_and_hypotheses(both: Speech, say: Say) -> None:
    sound = say("ab cab", 3)
    found = both.transcribe([sound], n=3)[0]
    assert len(found.hypotheses) == 3
    assert found.hypotheses[0].text == found.text
    scores = [each.score for each in found.hypotheses]
    assert scores == sorted(scores, reverse=True)
    words = found.hypotheses[0].words
    assert [word.text for word in words] == ["ab", "cab"]
    assert all(0 <= w.start < w.end <= sound.seconds and 0 < w.confidence <= 1 for w in words)
    hot = both.transcribe([say("ab ab", 4)], hot_words=["bcbc"])[0]
    assert hot.text == "ab ab"
    with pytest.raises(SettingsError, match="beam wider than 1"):
        Speech(beam=1, max_steps=1).fit(_few(say), _few(say), progress=False).transcribe(
            [sound], hot_words=["ab"]
        )


def _few(say: Say) -> list[tuple[Audio, str]]:
    return [(say("ab ca"), "ab ca")] * 4


def test_a_language_model_of_characters(both: Speech, say: Say) -> None:
    language = Language(hidden_size=8, epochs=1, batch_size=2, chunk_length=10)
    language.fit(["ab cab ca bc\n" * 20], progress=False)
    found = both.transcribe([say("ab cab", 3)], language=language, language_weight=0.1)
    assert found[0].text == "ab cab"


def test_a_lexicon_is_kept_to(learnt: Any, say: Say) -> None:
    task = learnt(bidirectional=True, lexicon=True, epochs=3)
    known = {"ab", "bc", "cab", "ca", ""}
    found = task.predict([say("ab bb cccc a", i) for i in range(3)])
    assert {word for text in found for word in text.split()} <= known


@pytest.mark.parametrize("name", ["forward", "ahead", "transducer"])
def test_saved_and_loaded(
    name: str, say: Say, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    task: Speech = request.getfixturevalue(name)
    task.save(tmp_path / "model")
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert {"config.json", "model.safetensors", "alphabet.json", "README.md"} <= names
    again = elman.load(tmp_path / "model")
    assert isinstance(again, Speech)
    sound = [say("ab cab bc", 2)]
    one, other = (each.transcribe(sound)[0].hypotheses[0] for each in (again, task))
    assert (one.text, len(one.words)) == (other.text, 3)
    assert one.score == pytest.approx(other.score, abs=1e-4)  # words.arpa has seven decimals
    session = again.stream()
    session.accept(sound[0].samples)
    assert session.finish().text == task.predict(sound)[0]
    assert again.lm_weight == task.lm_weight


@pytest.mark.parametrize(
    "change",
    [
        {"mean": None},
        {"mean": ["x"]},
        {"mean": [0.0]},
        {"mean": [float("inf")] * 20},
        {"acoustic": {"kind": "log_mel", "bins": 10**9}},
        {"acoustic": {"kind": "__import__"}},
        {"acoustic": [1]},
        {"acoustic": {"bins": 20, "unheard_of": 1}},
        {"lm_weight": "much"},
        {"word_bonus": None},
    ],
    ids=str,
)
def test_a_folder_that_was_tampered_with(
    both: Speech, tmp_path: Path, change: dict[str, Any]
) -> None:
    _tampered(both, tmp_path, lambda config: config.update(change))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("alphabet.json", '{"version": 1, "characters": " abcd"}'),
        ("alphabet.json", '{"version": 1, "characters": ["a"]}'),
        ("alphabet.json", "not json"),
        ("words.arpa", "not an ARPA file"),
        ("words.arpa", "\\data\\\nngram 1=1\n\n\\1-grams:\n-x ab\n\n\\end\\\n"),
    ],
)
def test_assets_that_were_tampered_with(
    both: Speech, tmp_path: Path, name: str, content: str
) -> None:
    both.save(tmp_path)
    (tmp_path / name).write_text(content)
    _tampered(both, tmp_path, lambda config: None, save=False)


def _tampered(
    task: Speech, path: Path, change: Callable[[dict[str, Any]], Any], *, save: bool = True
) -> None:
    """Change a saved folder, with all hashes right again, and see it refused."""
    from elman.files import sha256
    from elman.folders import checksum

    if save:
        task.save(path)
    config = json.loads((path / "config.json").read_text())
    config.pop("checksum")
    change(config)
    config["files"] = {name: sha256(path / name) for name in config["files"]}
    config["checksum"] = checksum(config)
    (path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"does not hold what its task needs|where the settings"):
        elman.load(path)


def test_settings_that_do_not_go_together() -> None:
    with pytest.raises(SettingsError, match=r"look_ahead=0\.5 is of bidirectional layers"):
        Speech(look_ahead=0.5, bidirectional=False)
    with pytest.raises(SettingsError, match="ngram"):
        Speech(ngram=9)


def test_pause_must_be_time(both: Speech, say: Say) -> None:
    with pytest.raises(SettingsError, match="pause=0"):
        both.transcribe([say("ab")], pause=0)


def test_resumed_training_is_the_unbroken_one(spoken: Spoken, tmp_path: Path) -> None:
    settings = {"hidden_size": 8, "num_layers": 1, "bins": 12, "batch_size": 4, "beam": 1}
    settings |= {"epochs": 2, "checkpoint_every": 2, "noise": 20.0, "lm_weight": 0.5}
    data, validation = spoken(12), spoken(4, 1)
    whole = Speech(**settings).fit(data, validation, progress=False, folder=tmp_path / "a")

    class StopError(Exception):
        pass

    broken = Speech(**settings)
    original, seen = broken.loss, []

    def loss(*arguments: Any) -> Any:
        seen.append(1)
        if len(seen) == 5:
            raise StopError
        return original(*arguments)

    broken.loss = loss  # type: ignore[method-assign]
    with pytest.raises(StopError):
        broken.fit(data, validation, progress=False, folder=tmp_path / "b")
    resumed = Speech(**settings)
    resumed.fit(data, validation, progress=False, folder=tmp_path / "b", resume=True)
    for name, value in whole.model.state_dict().items():
        assert value.equal(resumed.model.state_dict()[name]), name


def test_another_model_of_words(forward: Speech, say: Say, tmp_path: Path) -> None:
    """Given to one call, as a model or as a file, or to training, where it is kept."""
    words = estimate(["ab ca"] * 4, order=1)
    write_arpa(words, tmp_path / "words.arpa")
    sound = [say("ab bc", 7)]
    assert forward.predict(sound) == ["ab bc"]
    for lm in (words, tmp_path / "words.arpa", str(tmp_path / "words.arpa")):
        found = forward.transcribe(sound, lm=lm, lm_weight=3.0)[0].text
        assert set(found.split()) <= {"ab", "ca"}
        assert forward.report([(sound[0], "ab bc")], lm=lm, lm_weight=3.0).wer.errors == 1
    with pytest.raises(SettingsError, match=r"none of the 1 words \(AB, ...\) can be written"):
        forward.transcribe(sound, lm=estimate(["AB"], order=1))
    with pytest.raises(DataError, match="no such file"):
        forward.stream(lm=tmp_path / "none.arpa")


def test_training_keeps_a_given_model_of_words(
    spoken: Callable[..., list[Any]], tmp_path: Path
) -> None:
    write_arpa(estimate(["ab bc", "cab ca"], order=2), tmp_path / "words.arpa")
    task = Speech(hidden_size=8, num_layers=1, max_steps=2, batch_size=4, bins=20, ngram=0)
    task = Speech(**{**task.settings.model_dump(), "lm": str(tmp_path / "words.arpa")})
    task.fit(spoken(12), progress=False).save(tmp_path / "model")
    (tmp_path / "words.arpa").unlink()
    again = elman.load(tmp_path / "model")
    assert isinstance(again, Speech)
    assert again.words is not None
    assert again.words.words == task.words.words


def test_a_channel_is_chosen(forward: Speech, say: Say, tmp_path: Path) -> None:
    first, second = say("ab", 1).samples, say("ab", 2).samples
    two = np.stack([first, 0 * second], 1)
    two[:, 1] = say("ca", 3, 0.05).samples[: len(two)]
    soundfile.write(tmp_path / "two.wav", two, 8000, subtype="FLOAT")
    path = tmp_path / "two.wav"
    assert [forward.transcribe([path], channel=c)[0].text for c in (0, 1)] == ["ab", "ca"]
    (missing,) = forward.transcribe([path], channel=2)
    assert "has no channel 2: it has 2, counted from 0" in str(missing.error)
    found = check_utterances(read_utterances([(path, "ab")]))
    assert [problem.kind for problem in found.problems] == ["mixed channels"]
    assert len(found.usable) == 1
    assert not check_utterances(read_utterances([(path, "ab")], channel=1)).problems


def test_utterances_without_a_transcript_are_left_out_of_an_evaluation(
    forward: Speech, say: Say
) -> None:
    data = [(say("ab"), "ab"), (say("ca"), None)]
    with pytest.warns(UserWarning, match="1 of 2 utterances have no transcript"):
        assert forward.evaluate(data)["utterances"] == 1


def test_samples_that_are_not_scaled_are_told(forward: Speech, say: Say) -> None:
    sound = np.round(say("ab").samples * 32767)
    (found,) = forward.transcribe([Audio(sound, 8000)])
    assert "divide 16-bit integers by 32768" in str(found.error)
    assert forward.predict([Audio(sound.astype(np.int16), 8000)]) == ["ab"]
    assert forward.predict([Audio((sound * 65536).astype(np.int32), 8000)]) == ["ab"]
    session = forward.stream()
    with pytest.raises(DataError, match="divide 16-bit integers by 32768"):
        session.accept(sound)
