import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elman
from elman.data import Ink, read_inks, write_ink
from elman.errors import DataError, SettingsError
from elman.tasks import Synthesis

from .conftest import SMALL, cross, word, words


def strokes_of(ink: Ink) -> list[list[list[float]]]:
    return [stroke.round(3).tolist() for stroke in ink.strokes]


def test_what_is_written_looks_like_the_data(writer: Synthesis) -> None:
    found = writer.samples(20, bias=1, seed=0)
    widths = []
    for ink in found:
        first, second = ink.strokes
        assert (ink.points == np.rint(ink.points)).all()
        assert len(first) == len(second) == 2
        widths.append(first[1, 0])
        assert abs(first[1, 1] - 9) <= 1
    assert 2 <= min(widths) < max(widths) <= 9
    assert len(set(widths)) >= 3


def test_the_same_seed_writes_the_same(writer: Synthesis, text_writer: Synthesis) -> None:
    for task, text in ((writer, None), (text_writer, "lv")):
        one, two, other = (task.generate(text, seed=seed) for seed in (1, 1, 2))
        assert strokes_of(one) == strokes_of(two)
        assert strokes_of(one) != strokes_of(other)


@pytest.mark.parametrize("text", ["x", "lv", "vxl"])
def test_the_text_is_written(text_writer: Synthesis, text: str) -> None:
    ink = text_writer.generate(text, bias=3, seed=0)
    expected = word(text, np.random.default_rng(0))
    assert [len(stroke) for stroke in ink.strokes] == [len(s) for s in expected.strokes]
    assert np.abs(ink.points - ink.points[0] - expected.points + expected.points[0]).max() < 0.25


def test_writing_on_in_a_hand(text_writer: Synthesis, tmp_path: Path) -> None:
    large = word("lv", np.random.default_rng(0))
    ink = text_writer.generate("x", style=(large, "lv"), bias=3, seed=0)
    assert [len(stroke) for stroke in ink.strokes] == [2, 2]
    assert ink.points[0, 0] > 0  # after the style's last stroke
    write_ink(large, tmp_path / "style.inkml", "lv")
    again = text_writer.generate("x", style=tmp_path / "style.inkml", bias=3, seed=0)
    assert strokes_of(again) == strokes_of(ink)


def test_ink_alone_is_written_on_from_a_sample(writer: Synthesis) -> None:
    started = Ink.of_strokes([[(0, 0), (6, 9)]])
    ink = writer.generate(style=started, bias=3, seed=0)
    (stroke,) = ink.strokes
    first, last = stroke + np.array([6, 9])
    assert np.abs(first - [6, 0]).max() <= 1
    assert np.abs(last - [0, 9]).max() <= 1


def test_a_style_of_another_scale_is_warned_of(text_writer: Synthesis) -> None:
    ink = word("lv", np.random.default_rng(0))
    with pytest.warns(UserWarning, match="the style's points are .* apart, those of the training"):
        text_writer.generate("x", style=(ink.placed(ink.points * 100), "lv"), most=2000)


def test_likelihood_beside_baselines_that_know_no_order() -> None:
    data = [cross(width) for width in range(3, 9)] * 10
    task = Synthesis(**SMALL, epochs=15).fit(data, progress=False)
    metrics = task.record["metrics"]
    assert metrics["nll"] == pytest.approx(metrics["offset_nll"] + metrics["pen_nll"], abs=1e-5)
    one, table = task.record["baselines"]
    assert (one["name"], table["name"]) == ("one Gaussian of offsets", "table of offsets")
    assert metrics["nll"] < table["baseline"] < one["baseline"]
    assert one["winner"] == table["winner"] == "model"


def test_the_likelihood_of_whole_numbers_has_a_bound(writer: Synthesis) -> None:
    """What is certain but for one of six widths has at least the nats of that choice."""
    found = writer.evaluate([cross(width) for width in range(3, 9)] * 10)
    assert found["nll"] * 4 >= math.log(6) - 0.05
    assert writer.record["data"]["dequantised"]


def test_the_scale_of_the_data_moves_the_likelihood_by_its_logarithm() -> None:
    data = [ink for ink, _ in words(40)]
    settings = {**SMALL, "epochs": 2, "condition": "nothing", "batch_size": 10}
    one = Synthesis(**settings).fit(data, progress=False).evaluate(data)
    larger = [ink.placed(ink.points * 8) for ink in data]
    other = Synthesis(**settings).fit(larger, progress=False).evaluate(larger)
    points = sum(map(len, data))
    moved = (points - len(data)) / points
    expected = one["offset_nll"] + 2 * math.log(8) * moved
    assert other["offset_nll"] == pytest.approx(expected, abs=0.01)


def test_a_saved_model_writes_the_same(text_writer: Synthesis, tmp_path: Path) -> None:
    text_writer.save(tmp_path / "model")
    loaded = elman.load(tmp_path / "model")
    some = words(4, seed=5)
    assert loaded.rows(some) == text_writer.rows(some)
    assert [row["name"] for row in loaded.rows(some)][:2] == ["ink 0", "ink 1"]
    one, two = (task.generate("lx", seed=3) for task in (loaded, text_writer))
    assert strokes_of(one) == strokes_of(two)


def test_one_sample_as_many(writer: Synthesis) -> None:
    inks = [cross(4), Ink.of_strokes([[(0, 0)]]), cross(7)]
    alone = [writer.predict([ink])[0] for ink in inks]
    assert writer.predict(inks) == pytest.approx(alone, abs=1e-5)
    moved = [ink.placed(ink.points + 1000) for ink in inks]
    assert writer.predict(moved) == pytest.approx(alone, abs=1e-5)


def test_texts_may_be_left_aside() -> None:
    task = Synthesis(**SMALL, epochs=1, condition="nothing").fit(words(20), progress=False)
    assert not task.preprocessing.has_text
    with pytest.raises(SettingsError, match="learnt from ink alone"):
        task.generate("x")


def test_points_are_resampled() -> None:
    task = Synthesis(**SMALL, epochs=1, spacing=0.1).fit(words(20), progress=False)
    line = Ink.of_strokes([[(0, 0), (0, 1)]])
    assert task.preprocessing.spacing == pytest.approx(0.1, rel=0.1)
    assert 10 <= len(task.preprocessing.strokes(line).pens) <= 12


def test_writing_that_does_not_end_is_stopped(text_writer: Synthesis) -> None:
    with pytest.warns(UserWarning, match="1 of 1 pieces were stopped after 2 points"):
        assert len(text_writer.generate("xxx", seed=0, most=2)) == 2


def test_samples_that_are_too_long_are_left_out() -> None:
    data = [*(cross(w) for w in range(3, 9)), Ink.of_strokes([np.zeros((30, 2))])] * 4
    with pytest.warns(UserWarning, match=r"of \d+ samples have more than longest=20 points"):
        Synthesis(**SMALL, epochs=1, longest=20).fit(data, data[:2], progress=False)


@pytest.mark.parametrize(
    ("options", "text", "expected"),
    [
        ({}, None, "text is missing: this model writes a given text"),
        ({}, "lq", "'q' is not among the characters of the training data: 'lvx'"),
        ({}, 3, "text must be a string, got 3"),
        ({"bias": -1}, "x", "bias"),
        ({"bias": math.nan}, "x", "bias"),
        ({"most": 0}, "x", "most"),
        ({"seed": -1}, "x", "seed"),
        ({"style": cross(3)}, "x", "style: its text is missing"),
        ({"style": [(cross(3), "x")] * 2}, "x", "style must be one sample of ink, got 2"),
        ({"style": (cross(3), "q")}, "x", "'q' is not among the characters"),
    ],
)
@pytest.mark.filterwarnings("ignore:the style's points")
def test_what_cannot_be_written(
    text_writer: Synthesis, options: dict[str, Any], text: Any, expected: str
) -> None:
    with pytest.raises(SettingsError, match=expected):
        text_writer.generate(text, **options)


def test_a_style_without_a_point(writer: Synthesis) -> None:
    with pytest.raises(DataError, match="the style's ink has no point"):
        writer.generate(style=Ink.of_strokes([]))


def test_what_cannot_be_trained_on() -> None:
    dots = [Ink.of_strokes([[(1, 1)]])] * 10
    with pytest.raises(DataError, match="never moves"):
        Synthesis(**SMALL).fit(dots, progress=False)
    with pytest.raises(DataError, match="the ink has no texts"):
        Synthesis(**SMALL, condition="text").fit([cross(3)] * 10, progress=False)
    with pytest.raises(SettingsError, match="num_layers=1: writing a text needs 2"):
        Synthesis(**SMALL, num_layers=1).fit(words(10), progress=False)
    with pytest.raises(SettingsError, match="does not average several networks"):
        Synthesis(**SMALL, seeds=2).fit(words(10), progress=False)


def test_evaluation_names_a_character_that_was_not_learnt(text_writer: Synthesis) -> None:
    ink = cross(3)
    with pytest.raises(DataError, match="ink 0: 'q' is not among the model's characters 'lvx'"):
        text_writer.evaluate([(ink, "q")])


def test_training_goes_on_from_a_model(text_writer: Synthesis) -> None:
    more = Synthesis(epochs=1, lr=1e-4).fit(
        words(20, seed=8), start_from=text_writer, progress=False
    )
    assert more.preprocessing is text_writer.preprocessing
    assert more.evaluate(words(20, seed=1))["nll"] < 0


def test_the_report_shows_what_is_written(tmp_path: Path) -> None:
    task = Synthesis(**SMALL, epochs=1)
    task.fit(words(30), folder=tmp_path / "run", progress=False)
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    for title in ("Written", "Samples", "one Gaussian of offsets"):
        assert title in page
    assert page.count('aria-label="handwriting"') >= 2 * 3 + 12


def test_the_command_writes_files(text_writer: Synthesis, tmp_path: Path, capsys: Any) -> None:
    from elman.cli.app import main

    text_writer.save(tmp_path / "model")
    model, page = str(tmp_path / "model"), tmp_path / "page.svg"
    words = ["generate", model, "lx", "--bias", "2", "--seed", "0"]
    assert run(main, [*words, "--out", str(page)]) == 0
    assert capsys.readouterr().out == f"{page}\n"
    expected = text_writer.generate("lx", bias=2, seed=0)
    (found,) = read_inks(page)
    assert [len(s) for s in found.strokes] == [len(s) for s in expected.strokes]
    style = tmp_path / "style.svg"
    write_ink(word("v", np.random.default_rng(0)), style)
    several = [*words, "--out", str(tmp_path / "some.inkml"), "--count", "2"]
    assert run(main, [*several, "--style", str(style), "--style-text", "v"]) == 0
    for number in (1, 2):
        assert read_inks(tmp_path / f"some-{number}.inkml").texts == ["lx"]
    capsys.readouterr()
    assert run(main, words) == 2
    assert "--out is missing" in capsys.readouterr().err
    assert run(main, [*words, "--style-text", "v", "--out", str(page)]) == 2
    assert "--style-text is the text of --style" in capsys.readouterr().err


def run(main: Any, words: list[str]) -> int:
    """The exit status of the command."""
    try:
        main(words)
    except SystemExit as end:
        return int(end.code or 0)
    return 0
