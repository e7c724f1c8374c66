import numpy as np
import pytest
from PIL import Image

from elman.data import Ink, draw, read_inks, write_ink
from elman.data.ink.write import svg_of
from elman.errors import DataError, FileError, SettingsError

INK = Ink.of_strokes([[(0, 0), (3, 4), (5, 1)], [(9, 9)]])


def test_svg_holds_the_strokes_and_the_text(tmp_path):
    write_ink(INK, tmp_path / "a.svg", "a < b & c")
    inks = read_inks(tmp_path / "a.svg")
    assert inks.texts == ["a < b & c"]
    assert [stroke.tolist() for stroke in inks.inks[0].strokes] == [
        [[0, 0], [3, 4], [5, 1]],
        [[9, 9], [9, 9]],  # a dot, drawn by the line's round ends
    ]
    assert 'viewBox="-0.45 -0.45 9.9 9.9"' in svg_of(INK)


@pytest.mark.parametrize("ink", [INK, Ink.of_strokes([]), Ink.of_strokes([[(1e9, 1e9)]])])
@pytest.mark.parametrize("suffix", ["inkml", "svg", "png"])
def test_any_ink_can_be_written(tmp_path, ink, suffix):
    path = tmp_path / f"a.{suffix}"
    write_ink(ink, path, "$x_1$")
    assert path.stat().st_size > 100
    if suffix == "png":
        with Image.open(path) as picture:
            assert picture.size[0] > 100


def test_control_characters_do_not_break_xml(tmp_path):
    write_ink(INK, tmp_path / "a.inkml", "a\x00\x1bb\r\nc")
    assert read_inks(tmp_path / "a.inkml").texts == ["ab\r\nc"]


def test_other_suffixes_and_places_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="ink is written as"):
        write_ink(INK, tmp_path / "a.gif")
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError):
        write_ink(INK, tmp_path / "file" / "a.svg")
    path = tmp_path / "a.svg"
    path.write_text("old")
    write_ink(INK, path)
    assert path.read_text() != "old"
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


def test_a_sheet_of_drawings_with_their_texts(tmp_path):
    inks = read_inks([(INK, "a"), (Ink.of_strokes([]), "b"), (INK, "$")])
    figure = draw(inks, tmp_path / "sheet.png", columns=2)
    assert [axes.get_title() for axes in figure.axes] == ["a", "b", r"\$"]
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
    low, high = figure.axes[0].get_ylim()
    assert low > high  # y grows downwards
    starts = [
        line.get_xydata().tolist() for line in figure.axes[0].lines if line.get_marker() == "o"
    ]
    assert starts == [[[0, 0]], [[9, 9]]]
    assert INK.plot(tmp_path / "one.svg", "a").axes[0].get_title() == "a"
    assert (tmp_path / "one.svg").exists()


def test_wrong_drawings():
    with pytest.raises(DataError, match="no ink to draw"):
        draw([])
    with pytest.raises(SettingsError, match="1 pieces of ink but 2 titles"):
        draw([INK], titles=["a", "b"])
    with pytest.raises(SettingsError, match="at most 1,000"):
        draw([INK] * 1001)
    with pytest.raises(SettingsError, match="columns=0"):
        draw([INK], columns=0)
    with pytest.raises(SettingsError, match="must end in"):
        draw([INK], "a.gif")


def test_the_pen_of_svg_is_wider_where_the_ink_is_larger():
    widths = [
        float(
            svg_of(Ink.of_strokes([[(0, 0), (size, 0)]])).split('stroke-width="')[1].split('"')[0]
        )
        for size in (1, 100)
    ]
    assert np.divide(*widths[::-1]) == pytest.approx(100)
