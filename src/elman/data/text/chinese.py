"""Chinese in one of its two scripts, by OpenCC."""

import re
from functools import cache
from typing import Any, Literal, get_args

from elman.data.values import shown
from elman.errors import DataError, SettingsError

ChineseScript = Literal["simplified", "traditional"]
_SURROGATE = re.compile("([\ud800-\udfff])")
_CONFIGURATIONS = {"simplified": "t2s", "traditional": "s2t"}


def to_script(text: str, script: ChineseScript) -> str:
    """A text with its Chinese characters in one script; all others stay as they are.

    **Arguments:** `script`: "simplified" or "traditional".

    Raises `SettingsError` if OpenCC is not installed.

    >>> to_script("漢字, and 汉字", "simplified")
    '汉字, and 汉字'
    """
    if not isinstance(text, str):
        raise DataError(f"text={shown(text)} is not a string")
    if not isinstance(script, str) or script not in get_args(ChineseScript):
        raise SettingsError(
            f"script={shown(script)} is not one of {', '.join(get_args(ChineseScript))}"
        )
    convert = _converter(script).convert
    return "".join(part if _SURROGATE.match(part) else convert(part) for part in _parts(text))


def scripts_of_chinese(text: str) -> tuple[ChineseScript, ...]:
    """The scripts that a text is in where they differ: none, one or, mixed, both.

    >>> scripts_of_chinese("漢字"), scripts_of_chinese("汉字"), scripts_of_chinese("你好")
    (('traditional',), ('simplified',), ())
    """
    found: list[ChineseScript] = []
    if to_script(text, "traditional") != text:
        found.append("simplified")
    if to_script(text, "simplified") != text:
        found.append("traditional")
    return tuple(found)


def _parts(text: str) -> list[str]:
    """The text, parted at halves of surrogate pairs, which OpenCC cannot take."""
    return [text] if text.isascii() else _SURROGATE.split(text)


@cache
def _converter(script: str) -> Any:
    try:
        import opencc
    except ImportError:
        raise SettingsError(
            "converting Chinese to one script needs OpenCC, which is not installed: pip install"
            " 'elman[translate]'"
        ) from None
    return opencc.OpenCC(_CONFIGURATIONS[script])
