from collections import Counter

import numpy as np
import pytest

from elman.data import eeg, goog, library_lines, stocks, topics_text
from elman.errors import DataError


def test_stocks_are_every_month_with_gaps_only_before_listing():
    series = stocks()
    assert series.values.shape == (390, 10)
    assert len(series.names) == 10
    months = series.dates.astype("datetime64[M]")
    np.testing.assert_array_equal(np.diff(months).astype(int), 1)
    missing = np.isnan(series.values)
    assert not missing[-1].any()
    assert (missing[:-1] >= missing[1:]).all()
    assert np.nanmin(series.values) > 0
    assert series.values[0, 0] == 10.970438003540039


def test_goog():
    series = goog()
    assert series.values.shape == (1047, 6)
    assert str(series.dates[0]) == "2004-08-19"
    high, low = (series.values[:, series.names.index(name)] for name in ("high", "low"))
    assert (high >= low).all()


def test_eeg():
    assert eeg().shape == (800, 4)
    assert np.isfinite(eeg()).all()


def test_topics_are_english():
    text = topics_text()
    assert len(text) > 300_000
    assert text.count(" the ") > 2_000


def test_library_lines_tell_the_classes_apart():
    examples = library_lines(per_class=500)
    assert Counter(examples.labels) == {"code": 500, "comment": 500, "prose": 500}
    assert len(set(examples.inputs)) == 1500
    assert examples.sha256 == library_lines(per_class=500).sha256
    by_class = {name: [] for name in examples.classes}
    for line, label in zip(examples.inputs, examples.labels, strict=True):
        by_class[label].append(line)
    assert all(line.startswith("#") for line in by_class["comment"])
    assert not any(line.startswith(("#", ">>>")) for line in by_class["code"] + by_class["prose"])

    def share(label, signs):
        return np.mean([any(sign in line for sign in signs) for line in by_class[label]])

    assert share("code", ("=", "(", ":", ".", ",")) > 0.9
    assert share("prose", (" the ", " a ", " of ", " to ", " is ", " and ")) > 0.3
    assert share("code", (" the ", " a ", " of ", " to ")) < 0.1


def test_missing_sources_are_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"stdlib": str(tmp_path)})
    with pytest.raises(DataError, match="sources of the standard library are not in"):
        library_lines()
    monkeypatch.setattr("matplotlib.get_data_path", lambda: str(tmp_path))
    with pytest.raises(DataError, match=r"no such file: .*Stocks\.csv"):
        stocks()
