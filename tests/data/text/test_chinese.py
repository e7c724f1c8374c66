import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.data import scripts_of_chinese, to_script
from elman.data.text import chinese
from elman.errors import SettingsError


@pytest.fixture
def opencc():
    return pytest.importorskip("opencc")


def test_texts_are_brought_to_one_script(opencc):
    assert to_script("頭髮和皇后，发展 Tom", "simplified") == "头发和皇后，发展 Tom"
    assert to_script("头发和皇后，發展 Tom", "traditional") == "頭髮和皇后，發展 Tom"
    assert to_script("a\ud800漢\r\n字\0", "simplified") == "a\ud800汉\r\n字\0"


@given(st.text(st.characters(max_codepoint=0x2DFF)))
def test_other_texts_stay_as_they_are(text):
    pytest.importorskip("opencc")
    assert to_script(text, "simplified") == to_script(text, "traditional") == text


def test_which_script_a_text_is_in(opencc):
    assert scripts_of_chinese("他是个學生") == ("simplified", "traditional")
    assert scripts_of_chinese("他是個學生") == ("traditional",)
    assert scripts_of_chinese("他是个学生") == ("simplified",)
    assert scripts_of_chinese("你好, Tom") == ()


def test_bad_arguments():
    with pytest.raises(SettingsError, match="script='hant' is not one of simplified, traditional"):
        to_script("a", "hant")


def test_the_extra_is_named_where_opencc_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "opencc", None)
    chinese._converter.cache_clear()
    with pytest.raises(SettingsError, match=r"not installed: pip install 'elman\[translate\]'"):
        to_script("漢", "simplified")
