"""Texts in one form of Unicode, with single spaces."""

import unicodedata
from typing import Literal, get_args

from elman.data.values import shown
from elman.errors import DataError, SettingsError

Form = Literal["nfc", "nfkc", "none"]


def normalise(text: str, form: Form = "nfc", lowercase: bool = False) -> str:
    r"""A text with its characters composed and its white space collapsed to single spaces.

    **Arguments:**

    - `text`: any text; also the white space at its ends is taken off.
    - `form`: of Unicode. "nfc" composes letters and accents; "nfkc" also makes one of characters
      that differ in width or style, as `ﬁ` and `fi`, `！` and `!`; "none" leaves characters alone.
    - `lowercase`: whether letters become small ones.

    >>> normalise(" Cafe\u0301\u00a0 No. １ ")
    'Café No. １'
    >>> normalise("Ｃａｆé １", form="nfkc", lowercase=True)
    'café 1'
    """
    if not isinstance(text, str):
        raise DataError(f"text={shown(text)} is not a string")
    if not isinstance(form, str) or form not in get_args(Form):
        raise SettingsError(f"form={shown(form)} is not one of {', '.join(get_args(Form))}")
    if form != "none" and not text.isascii():
        text = unicodedata.normalize("NFC" if form == "nfc" else "NFKC", text)
    text = " ".join(text.split())
    return text.lower() if lowercase else text
