from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elman
from elman.data import Ink, Inks
from elman.data.ink.preparation import resampled, rotated
from elman.errors import DataError, SettingsError
from elman.tasks import Handwriting

from .conftest import SMALL, drawn, symbols


def test_symbols_are_read(reader: Handwriting) -> None:
    assert reader.settings.kind == "symbol"
    assert reader.labels == ["-", "l", "v", "x"]
    assert reader.evaluate(symbols(40, seed=3))["accuracy"] >= 0.95
    rows = reader.rows(symbols(4, seed=3))
    assert [row["text"] for row in rows] == ["-", "l", "v", "x"]
    assert rows[2]["name"] == "sample 2"
    assert 0.25 < rows[2]["probability"] <= 1


def test_texts_are_read(text_reader: Handwriting, lines: Inks) -> None:
    assert text_reader.evaluate(lines)["cer"] <= 0.05
    found = text_reader.predictions(lines.select([0, 1]), n=3, segments=True)
    for each, ink, text in zip(found, lines.inks, lines.texts or [], strict=False):
        assert each.value == text
        assert len(each.details["others"]) <= 2
        parts = each.details["characters"]
        assert [part.text for part in parts] == list(text)
        assert parts[0].first == 0
        assert parts[-1].last == len(ink) - 1
        for one, other in pairwise(parts):
            assert one.first <= one.last <= other.first + 1


def test_characters_are_parted_where_they_were_drawn(text_reader: Handwriting) -> None:
    random = np.random.default_rng(8)
    first, second = drawn("l", random), drawn("v", random)
    ink = Ink.of_strokes([*first.strokes, *(s + np.array([9, 0]) for s in second.strokes)])
    (found,) = text_reader.predictions([ink], segments=True)
    assert found.value == "lv"
    parts = found.details["characters"]
    assert (parts[0].first, parts[0].last) == (0, 1)
    assert (parts[1].first, parts[1].last) == (2, 4)


def test_answers_of_one_are_those_of_many(reader: Handwriting, text_reader: Handwriting) -> None:
    some = symbols(24, seed=4)
    together = reader.predict_proba(some)
    alone = np.concatenate([reader.predict_proba([ink]) for ink in some.inks])
    np.testing.assert_allclose(alone, together, atol=1e-5)
    lines = symbols(9, seed=9).inks
    assert [text_reader.predict([ink])[0] for ink in lines] == text_reader.predict(lines)


@pytest.mark.parametrize("which", ["reader", "text_reader"])
def test_a_saved_model_reads_the_same(
    which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    task = request.getfixturevalue(which)
    task.save(tmp_path / "model")
    loaded = elman.load(tmp_path / "model")
    inks = symbols(8, seed=6).inks
    assert loaded.rows(inks) == task.rows(inks)


def test_place_and_size_do_not_matter(reader: Handwriting) -> None:
    ink = symbols(3, seed=7).inks[2]
    moved = ink.placed(ink.points * 37.5 + [1e6, -4e5])
    np.testing.assert_allclose(
        reader.predict_proba([moved]), reader.predict_proba([ink]), atol=1e-3
    )


def test_rotation_and_sampling_change_little(reader: Handwriting) -> None:
    some = symbols(40, seed=10)
    before = reader.evaluate(some)["accuracy"]
    for change in (
        lambda ink: rotated(ink, 10),
        lambda ink: rotated(ink, -10),
        lambda ink: resampled(ink, 0.1),
        lambda ink: resampled(ink, 3.0),
    ):
        changed = Inks([change(i) for i in some], some.texts, some.writers, some.names)
        assert reader.evaluate(changed)["accuracy"] >= before - 0.051


def test_size_tells_symbols_apart_where_it_says_something() -> None:
    random = np.random.default_rng(0)
    inks, texts = [], []
    for _ in range(40):
        inks += [drawn("v", random, 1.0), drawn("v", random, 3.0), drawn("x", random, 2.0)]
        texts += ["v", "V", "x"]
    task = Handwriting(**SMALL, epochs=12, resolution=6)
    task = task.fit((inks, texts), progress=False)
    assert task.settings.keep_size
    assert task.predict([drawn("v", random, 1.0), drawn("v", random, 3.0)]) == ["v", "V"]
    alike = Handwriting(**SMALL, epochs=1).fit(
        (inks[2::3] + inks[::3], ["x", "v"] * 40), progress=False
    )
    assert not alike.settings.keep_size or alike.settings.kind == "symbol"


def test_dots_and_broken_ink_have_their_places(reader: Handwriting) -> None:
    dot, empty = Ink.of_strokes([[(3, 3)]]), Ink.of_strokes([])
    found = reader.predictions([dot, empty, symbols(1).inks[0]])
    assert found[0].value in reader.labels
    assert found[1].value is None
    assert "no point" in (found[1].error or "")
    assert found[2].value == "-"
    huge = Ink.of_strokes([[(0, 0), (1e9, 0), (1e9, 1e9)]])
    assert reader.predict([huge])[0] in reader.labels


def test_a_long_scribble_is_read_in_bounded_memory(reader: Handwriting) -> None:
    random = np.random.default_rng(0)
    scribble = Ink.of_strokes([random.uniform(0, 1, (50_000, 2))])
    steps, origins = reader.preprocessing.steps.read(scribble)
    assert len(steps) <= 21_000
    assert len(origins) == len(steps)


def test_sessions_end_with_the_answer_of_the_whole(
    reader: Handwriting, text_reader: Handwriting, lines: Inks
) -> None:
    for task, inks in ((reader, symbols(8, seed=11).inks), (text_reader, lines.inks[:4])):
        for ink, whole in zip(inks, task.predictions(inks), strict=True):
            session = task.session()
            for stroke in ink.strokes:
                session.accept(stroke[:1], new_stroke=True)
                for at in range(1, len(stroke), 2):
                    update = session.accept(stroke[at : at + 2])
                    assert isinstance(update.value, str)
            resumed = task.session(state=session.state)
            assert resumed.finish().value == session.finish().value == whole.value


def test_sessions_refuse_what_does_not_fit(reader: Handwriting, text_reader: Handwriting) -> None:
    session = reader.session()
    assert session.accept(np.zeros((0, 2))).value is None
    with pytest.raises(DataError, match="NaN"):
        session.accept([(0.0, float("nan"))])
    with pytest.raises(DataError, match="numbers"):
        session.accept([("a", "b")])
    assert session.finish().error == "nothing was drawn"
    with pytest.raises(SettingsError, match="finished"):
        session.accept([(0, 0)])
    with pytest.raises(SettingsError, match="state is not of a session"):
        text_reader.session(state=session.state)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"hot_words": ["a"]}, "symbols"), ({"n": 0}, "n"), ({"width": 2}, "width")],
)
def test_options_that_do_not_fit_are_named(
    reader: Handwriting, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        reader.predictions(symbols(1), **options)


def test_unknown_symbols_and_characters_are_named(
    reader: Handwriting, text_reader: Handwriting
) -> None:
    ink = symbols(1).inks[0]
    with pytest.raises(DataError, match="'q' was not in the training data"):
        reader.evaluate([(ink, "q")])
    with pytest.raises(DataError, match="'q' is not in the model's alphabet"):
        text_reader.evaluate([(ink, "lq")])
    with pytest.raises(DataError, match="not in the saved model: 'q'; it knows"):
        Handwriting(epochs=1).fit([(ink, "q")] * 9, start_from=reader, progress=False)


def test_writers_are_held_out_whole() -> None:
    task = Handwriting(held_out=0.25)
    train, held_out = task.split(task.read(symbols(64), labelled=True))
    assert not set(train.samples.writers or ()) & set(held_out.samples.writers or ())


def test_training_goes_on_and_resumes_to_the_same_weights(tmp_path: Path) -> None:
    data = symbols(32), symbols(8, seed=1)
    whole = Handwriting(**SMALL, epochs=2).fit(*data, folder=tmp_path / "a", progress=False)
    again = Handwriting(**SMALL, epochs=2).fit(*data, progress=False)
    for name, weight in whole.model.state_dict().items():
        assert weight.equal(again.model.state_dict()[name]), name
    page = (tmp_path / "a" / "report.html").read_text("utf-8")
    assert "Mistakes" in page
    assert "<polyline" in page
    more = Handwriting(epochs=1, lr=1e-3, baselines=False)
    more.fit(*data, start_from=tmp_path / "a", progress=False)
    assert more.settings.hidden_size == 16


def test_several_networks_answer_as_one() -> None:
    task = Handwriting(**SMALL, epochs=2, seeds=2)
    task.fit(symbols(32), symbols(8, seed=1), progress=False)
    assert task.predict_proba(symbols(4)).sum(1) == pytest.approx(np.ones(4), abs=1e-5)


def test_a_model_adapts_to_one_writer(reader: Handwriting) -> None:
    """Of a hand that draws its dashes steeply and its l flat."""
    random = np.random.default_rng(3)
    texts = ["-", "l", "v", "x"] * 4
    inks = [rotated(drawn(text, random), 55) for text in texts]
    weights = {name: w.clone() for name, w in reader.model.state_dict().items()}
    adapted = reader.adapt((inks, texts), steps=80, lr=3e-3)
    new = [rotated(drawn(text, random), 55) for text in texts]
    right = [a == b for a, b in zip(adapted.predict(new), texts, strict=True)]
    before = [a == b for a, b in zip(reader.predict(new), texts, strict=True)]
    assert sum(right) >= max(14, sum(before) + 3)
    assert all(w.equal(weights[name]) for name, w in reader.model.state_dict().items())
    assert adapted.evaluate(symbols(40, seed=3))["accuracy"] >= 0.5
    with pytest.raises(SettingsError, match="max_steps"):
        reader.adapt((inks, texts), steps=0)
    with pytest.raises(DataError, match="'q'"):
        reader.adapt([(inks[0], "q")])
