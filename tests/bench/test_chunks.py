"""What `elman bench time` compares, and that every comparison runs. Times are never looked at."""

import pytest

from elman.bench import chunks, time_comparisons
from elman.errors import SettingsError

SHAPE = (64, 2, 3, 4)


@pytest.mark.parametrize("mode", chunks.MODES)
def test_a_layer_with_chunks_against_the_whole(mode: str) -> None:
    first, *_ = time_comparisons(["lstm"], [SHAPE], [mode], chunks=2)
    (row,) = first.rows(0.0)
    assert (row.cell, row.shape, row.mode, row.rival) == ("lstm", SHAPE, f"chunks {mode}", "whole")
    assert row.seconds > 0
    assert row.seconds_rival > 0


@pytest.mark.parametrize("mode", chunks.MODES)
def test_an_affine_cell_against_torch(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "_AFFINE", SHAPE)
    *_, last = time_comparisons(["gru"], [SHAPE], [mode])
    (row,) = last.rows(0.0)
    assert (row.cell, row.mode, row.rival) == ("mingru", f"affine {mode}", "nn.GRU")


def test_defaults() -> None:
    titles = [each.title for each in time_comparisons()]
    assert len(titles) == len(set(titles))
    assert "gru 8192,1,256,256 chunks inference" in titles
    assert "lstm 8192,1,512,512 chunks train" in titles


def test_bad_arguments() -> None:
    for arguments, expected in (
        ((["foo"],), "foo"),
        ((["gru"], [SHAPE], ["step"]), 'mode "step" is unknown'),
        ((["gru"], [SHAPE], ["train"], 1), "chunks must be at least 2"),
    ):
        with pytest.raises(SettingsError, match=expected):
            time_comparisons(*arguments)  # type: ignore[arg-type]
