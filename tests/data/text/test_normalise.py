import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.data import normalise
from elman.errors import SettingsError


def test_the_forms():
    text = "\u3000ＡＢ\u0301  ﬁ\n\tÉ "
    assert normalise(text) == "ＡＢ\u0301 ﬁ É"
    assert normalise(text, form="nfkc") == "AB\u0301 fi É"
    assert normalise("e\u0301", form="none") == "e\u0301"
    assert normalise("e\u0301") == "é"
    assert normalise(text, form="nfkc", lowercase=True) == "ab\u0301 fi é"
    with pytest.raises(SettingsError, match="form='nfd' is not one of nfc, nfkc, none"):
        normalise("a", form="nfd")


@given(st.text(), st.sampled_from(["nfc", "nfkc", "none"]), st.booleans())
def test_a_normal_text_has_single_spaces(text, form, lowercase):
    once = normalise(text, form, lowercase)
    assert once == " ".join(once.split())
    if not lowercase:
        assert normalise(once, form) == once
    if form == "nfc" and not lowercase:
        assert unicodedata.is_normalized("NFC", once)
