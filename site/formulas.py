"""Hook of the site's build: formulas as MathML, which browsers draw without a script or a font."""

import html
import re
from typing import Any

_FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\[(\[](?P<tex>.*?)\\[)\]]</(?P=tag)>', re.DOTALL
)


def on_page_content(content: str, **_: Any) -> str:
    """Write TeX between `$` and `$$` as MathML."""
    return _FORMULA.sub(_formula, content)


def _formula(found: re.Match[str]) -> str:
    from latex2mathml.converter import convert

    is_block = found["tag"] == "div"
    math = convert(html.unescape(found["tex"]).strip(), display="block" if is_block else "inline")
    return f'<{found["tag"]} class="formula">{math}</{found["tag"]}>'
