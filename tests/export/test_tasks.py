"""Every task exported, or refused with a reason; what its files give is what it predicts."""

import json
import re
import unicodedata
import zlib
from copy import copy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from small_tasks import MADE, SMALL, say

import elman
from elman.data import AcousticFeatures
from elman.data.sound.described import described
from elman.errors import ExportError
from elman.tasks import Classify, Language, Translate

NOT = {
    "signature": "signature models cannot be exported: .*; the recurrent layers have a weight of 0",
}
OPTIONS: dict[str, dict[str, Any]] = {
    "lines": {"bidirectional": False},
    "video": {"bidirectional": False},
    "events": {"bidirectional": False},
    "frames": {"flow": False},
}


@cache
def trained(name: str) -> Any:
    kind, options, data, _ = MADE[name]
    given = {**SMALL, "epochs": 1, **options, **OPTIONS.get(name, {})}
    return kind(**given).fit(data, progress=False)


@pytest.mark.parametrize("name", [name for name in MADE if name not in NOT])
def test_a_task(name: str, tmp_path: Path) -> None:
    """Compared with float32 weights, then measured with those of 8 bits."""
    task, data = trained(name), MADE[name][3]
    done = elman.export(task, tmp_path, data=data, int8=True, max_loss=1)
    assert all(each.error <= 1e-5 for each in done.checked)
    about = json.loads((tmp_path / "preprocess.json").read_text())
    assert about["task"] == task.name
    assert set(about["files"]) == {path.name for path in done.files[:-1]}
    assert len([note for note in done.notes if note.startswith("int8")]) == 1


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"smoothing": True}, "learnt smoothing has no sequence form"),
        ({"smoothing": False, "dilations": (1, 2)}, "dilated layers have no sequence form"),
        ({"smoothing": False}, None),
        ({"smoothing": False, "target": ("y", "z")}, None),
    ],
)
def test_forecasters(options: dict[str, Any], reason: str | None, tmp_path: Path) -> None:
    kind, own, data, _ = MADE["forecast"]
    data = {**data, "z": data["y"][::-1]}
    task = kind(**{**SMALL, "epochs": 1, **own, **options}).fit(data, progress=False)
    done = elman.export(task, tmp_path)
    assert all(each.error <= 1e-5 for each in done.checked)
    names = [path.name for path in done.files]
    assert ("sequence.onnx" in names) == (reason is None)
    if reason is not None:
        with pytest.raises(ExportError, match=reason):
            elman.export(task, tmp_path, form="sequence")


@pytest.mark.parametrize("name", NOT)
def test_a_task_that_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=NOT[name]) as found:
        elman.export(trained(name), tmp_path)
    assert "\n" not in str(found.value)


def test_what_the_layers_of_a_signature_count_is_told(tmp_path: Path) -> None:
    task = trained("signature")
    task.model.recurrent_weight.fill_(0.2)
    with pytest.raises(ExportError, match=r"have a weight of 0\.2 in it"):
        elman.export(task, tmp_path)
    task.model.recurrent_weight.zero_()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("forecast", {"head": "normal"}, 'train with head="quantiles"'),
        ("forecast", {"attention": True, "smoothing": False}, "train with attention=False"),
        ("speech", {"look_ahead": 0.2}, "train without look_ahead"),
        ("vectors", {"seeds": 2}, "train with seeds=1"),
    ],
)
def test_settings_that_are_refused(
    name: str, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    kind, own, data, _ = MADE[name]
    task = kind(**{**SMALL, "epochs": 1, **own, **options}).fit(data, progress=False)
    with pytest.raises(ExportError, match=message):
        elman.export(task, tmp_path)


@pytest.mark.parametrize("name", ["speech", "lines"])
def test_a_search_that_the_files_do_not_have_is_told(name: str, tmp_path: Path) -> None:
    """Of the same network: its default search is a beam, and may be greedy."""
    task = trained(name)
    words = " and a model of words" if name == "speech" else ""
    note = f"without elman's search, a beam of 16{words}: texts may differ"
    assert elman.export(task, tmp_path / "beam").notes == (note,)
    about = json.loads((tmp_path / "beam" / "preprocess.json").read_text())
    assert about["elman_search"] == note
    greedy = copy(task)
    greedy.settings = task.settings.model_copy(update={"beam": 1})
    assert elman.export(greedy, tmp_path / "greedy").notes == ()
    about = json.loads((tmp_path / "greedy" / "preprocess.json").read_text())
    assert "elman_search" not in about


@pytest.mark.parametrize("name", ["flow", "matching"])
def test_frames_that_are_more_than_the_graphs_are_refused(name: str, tmp_path: Path) -> None:
    task = copy(trained("frames"))
    task.settings = task.settings.model_copy(update={name: True})
    with pytest.raises(ExportError, match=f"train with {name}=False"):
        elman.export(task, tmp_path)


def test_first_states_that_were_learnt_are_told(tmp_path: Path) -> None:
    layer = elman.GRU(2, 3, learn_initial_state=True)
    with torch.no_grad():
        layer.initial_h_l0.fill_(0.5)
    elman.export(layer, tmp_path)
    about = json.loads((tmp_path / "preprocess.json").read_text())
    first = np.array(about["first_states"]["step"]["h"])
    assert first.shape == (1, 1, 3)
    assert (first == 0.5).all()
    elman.export(elman.GRU(2, 3), tmp_path)
    assert "first_states" not in json.loads((tmp_path / "preprocess.json").read_text())


def test_a_transducer_writes_by_its_files(tmp_path: Path) -> None:
    kind, own, data, new = MADE["speech"]
    options = {**SMALL, **own, "epochs": 30, "lr": 0.02, "hidden_size": 24, "loss": "transducer"}
    task = kind(**options, bidirectional=False, ngram=0, beam=1).fit(data, progress=False)
    done = elman.export(task, tmp_path, data=new)
    assert {path.stem for path in done.files[:-1]} == {"sequence", "step", "predict", "join"}
    about = json.loads((tmp_path / "preprocess.json").read_text())
    files = {name: session(tmp_path / f"{name}.onnx") for name in ("sequence", "predict", "join")}
    dataset = task.read(new[:2], labelled=False)
    ((batch),) = task.batches(task.preprocessing, dataset, training=False).epoch(0)
    given = {"x": batch.inputs.numpy(), "lengths": batch.lengths.numpy()}
    (heard,) = files["sequence"].run(None, given)
    expected = task.predict(new[:2])
    assert all(expected)
    for i in range(2):
        state = {name: np.zeros((1, 1, 24), np.float32) for name in ("h", "c")}
        token, written = about["alphabet"]["blank"], ""
        read, *state_new = files["predict"].run(None, {"tokens": np.array([token]), **state})
        for step in heard[: int(batch.lengths[i]), i]:
            for _ in range(3):
                (scores,) = files["join"].run(None, {"heard": step[None], "read": read})
                token = int(scores.argmax())
                if token == about["alphabet"]["blank"]:
                    break
                written += about["alphabet"]["characters"][token - about["alphabet"]["first_id"]]
                state = dict(zip(("h", "c"), state_new, strict=True))
                read, *state_new = files["predict"].run(
                    None, {"tokens": np.array([token]), **state}
                )
        assert written == expected[i]


def session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def test_characters_from_the_description_alone(tmp_path: Path) -> None:
    """A language model's likeliest way on, from its step and the table of characters."""
    task = Language(**SMALL, embedding_size=4, chunk_length=8, ngram_model=False)
    task = task.fit(["the cat sat on the mat. " * 20], progress=False)
    elman.export(task, tmp_path)
    about = json.loads((tmp_path / "preprocess.json").read_text())["text"]
    ids = {each: i for i, each in enumerate(about["tokens"], about["first_id"])}
    step = session(tmp_path / "step.onnx")
    state = {name: np.zeros((1, 1, 6), np.float32) for name in ("h", "c")}
    written, token = "", None
    for letter in "the cat":
        token = ids.get(letter, about["unknown"])
        scores, *new = step.run(None, {"tokens": np.array([token]), **state})
        state = dict(zip(("h", "c"), new, strict=True))
    for _ in range(12):
        scores[0, :2] = -np.inf
        token = int(scores.argmax())
        written += about["tokens"][token - about["first_id"]]
        scores, *new = step.run(None, {"tokens": np.array([token]), **state})
        state = dict(zip(("h", "c"), new, strict=True))
    assert written == task.generate("the cat", length=12, temperature=0)


def fnv(codes: list[int], buckets: int) -> int:
    """The hash as the description says it."""
    whole = 2**64 - 1
    value = 0xCBF29CE484222325 ^ len(codes)
    for code in codes:
        value = (value ^ code) * 0x100000001B3 & whole
    return (value ^ value >> 32) % buckets


def grams(codes: list[int], orders: list[int]) -> list[list[int]]:
    return [codes[i : i + n] for n in orders for i in range(len(codes) - n + 1)]


def columns(text: str, about: dict[str, Any]) -> dict[int, float]:
    """Columns and values of a text's n-grams, by the description."""
    text = text[:5000].casefold()
    place = {bucket: i for i, bucket in enumerate(about["known"])}
    found: dict[int, float] = {}
    words, characters = about["words"], about["characters"]
    codes = [zlib.crc32(word.encode()) for word in re.findall(words["pattern"], text)]
    parts = [[ord(c) for c in f" {part} "] for part in text.split()]
    for own, lists in ((words, [codes]), (characters, parts)):
        counts: dict[int, int] = {}
        for each in lists:
            for gram in grams(each, own["orders"]):
                bucket = fnv(gram, about["buckets"]) + own["first_bucket"]
                if bucket in place:
                    counts[place[bucket]] = counts.get(place[bucket], 0) + 1
        values = {c: (1 + np.log(n)) * about["idf"][c] for c, n in counts.items()}
        norm = np.sqrt(sum(value**2 for value in values.values()))
        found |= {column: value / norm for column, value in values.items()}
    return found


def test_words_and_n_grams_from_the_description_alone(tmp_path: Path) -> None:
    task = Classify(**SMALL, embedding_size=4, ngram_model=True, ngram_buckets=50)
    texts = ["good film", "bad film", "a fine play", "Une  très mauvaise pièce"] * 6
    task = task.fit((texts, ["+", "-", "+", "-"] * 6), progress=False)
    elman.export(task, tmp_path)
    about = json.loads((tmp_path / "preprocess.json").read_text())
    known = about["text"]
    assert known["unicode"] == "NFKC"
    ids = {each: i for i, each in enumerate(known["tokens"], known["first_id"])}
    run = session(tmp_path / "sequence.onnx")
    new = ["a good unknownword film", "très BAD", "mauvaise"]
    for text, expected in zip(new, task.predict_proba(new), strict=True):
        words = unicodedata.normalize("NFKC", text.lower()).split()
        tokens = np.array([[ids.get(word, known["unknown"])] for word in words])
        rule = about["ngrams"]
        own = [
            [
                fnv(gram, rule["buckets"])
                for gram in grams([ord(c) for c in f" {word[: rule['longest']]} "], rule["orders"])
            ]
            for word in words
        ]
        ngrams = np.full((len(words), 1, max(map(len, own))), rule["padding"])
        for i, each in enumerate(own):
            ngrams[i, 0, : len(each)] = each
        beside = columns(text, about["ngram_columns"])
        given = {
            "tokens": tokens,
            "lengths": np.array([len(words)]),
            "ngrams": ngrams,
            "ngram_columns": np.array([list(beside)]),
            "ngram_values": np.array([list(beside.values())], np.float32),
        }
        (found,) = run.run(["probabilities"], given)
        np.testing.assert_allclose(found[0], expected, atol=1e-5)
        assert about["labels"] == task.labels


def test_a_greedy_translation_from_the_files_alone(tmp_path: Path) -> None:
    pairs = [(f"{n}", f"<{n}>") for n in range(10, 40)]
    task = Translate(
        tokens="characters", hidden_size=24, epochs=40, lr=0.01, baselines=False, device="cpu"
    ).fit(pairs, pairs, progress=False)
    elman.export(task, tmp_path)
    about = json.loads((tmp_path / "preprocess.json").read_text())
    source, target = about["source"], about["target"]
    ids = {each: i for i, each in enumerate(source["tokens"], source["first_id"])}
    encode, step = session(tmp_path / "encode.onnx"), session(tmp_path / "step.onnx")
    for text in ("12", "35"):
        tokens = np.array([[ids[c]] for c in text] + [[source["end_id"]]])
        names = [each.name for each in encode.get_outputs()]
        found = encode.run(None, {"tokens": tokens, "lengths": np.array([len(tokens)])})
        state = dict(zip(names, found, strict=True))
        token, written = target["start_id"], ""
        for _ in range(20):
            names = [each.name.removeprefix("new_") for each in step.get_outputs()]
            (scores, *new) = step.run(None, {"tokens": np.array([token]), **state})
            state |= dict(zip(names[1:], new, strict=True))
            token = int(scores[0].argmax())
            if token == target["end_id"]:
                break
            written += target["tokens"][token - target["first_id"]]
        assert [written] == [each.value for each in task.predictions([text], beam=1)]


def by_description(about: dict[str, Any], samples: np.ndarray) -> np.ndarray:
    """Features of sound, by the description alone."""
    size, shift = about["window_samples"], about["shift_samples"]
    filters = np.zeros((len(about["filters"]), about["fft_samples"] // 2 + 1))
    for row, each in zip(filters, about["filters"], strict=True):
        row[each["start"] : each["start"] + len(each["weights"])] = each["weights"]
    found = []
    for t in range((len(samples) + shift // 2) // shift):
        at = np.arange(size) + about["first_sample"] + t * shift
        while (at < 0).any() or (at >= len(samples)).any():
            at = np.where(at < 0, -at - 1, at)
            at = np.where(at >= len(samples), 2 * len(samples) - 1 - at, at)
        frame = samples[at].astype(float)
        frame -= frame.mean()
        frame -= about["preemphasis"] * np.concatenate([frame[:1], frame[:-1]])
        power = np.abs(np.fft.rfft(frame * about["window"], about["fft_samples"])) ** 2
        logs = np.log(np.maximum(filters @ power, about["smallest"]))
        found.append(np.array(about["cosines"]) @ logs if "cosines" in about else logs)
    return np.array(found)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rate": 8000, "bins": 23},
        {"rate": 11025, "kind": "mfcc", "bins": 20, "coefficients": 20},
        {"rate": 22050, "kind": "mfcc", "low": 100, "high": -200},
    ],
)
@pytest.mark.parametrize("count", [150, 5003])
def test_features_of_sound_from_the_description_alone(options: dict[str, Any], count: int) -> None:
    features = AcousticFeatures(**options)
    samples = np.random.default_rng(0).normal(0, 0.1, count).astype(np.float32)
    about = json.loads(json.dumps(described(features)))
    np.testing.assert_allclose(by_description(about, samples), features.offline(samples), atol=2e-4)


def statistics(about: dict[str, Any], frames: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    change = np.abs(np.diff(frames, axis=0)).mean(0)
    ends = [frames.min(0), frames.max(0), frames[0], frames[-1]]
    shares = np.quantile(frames, about["quantiles"], axis=0)
    found = [frames.mean(0), frames.std(0), *ends, change, *shares, [np.log(len(frames))]]
    values = (np.concatenate(found) - about["mean"]) * about["scale"]
    return values.clip(-10, 10).astype(np.float32)[None]


def test_a_sound_is_classified_from_the_files_alone(tmp_path: Path) -> None:
    sounds = [say(text) for text in ("a", "b", "aa", "bb") * 3]
    task = Classify(**SMALL, bins=12, sample_rate=8000)
    task = task.fit((sounds, ["a", "b"] * 6), progress=False)
    elman.export(task, tmp_path)
    about = json.loads((tmp_path / "preprocess.json").read_text())
    run = session(tmp_path / "sequence.onnx")
    for sound, expected in zip(sounds[:2], task.predict_proba(sounds[:2]), strict=True):
        frames = by_description(about["sound"], np.asarray(sound.samples, np.float32))
        frames -= frames.mean()
        given = {"x": frames[:, None].astype(np.float32), "lengths": np.array([len(frames)])}
        given["statistics"] = statistics(about["statistics"], frames)
        (found,) = run.run(["probabilities"], given)
        np.testing.assert_allclose(found[0], expected, atol=1e-4)
