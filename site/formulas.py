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

    display = "block" if found["tag"] == "div" else "inline"
    return "".join(
        f'<{found["tag"]} class="formula">{convert(part, display=display)}</{found["tag"]}>'
        for part in parts(html.unescape(found["tex"]))
    )


def parts(tex: str) -> list[str]:
    """The formulas of one paragraph, which the extension gives as one: those of adjacent lines."""
    return [part.strip() for part in re.split(r"\$\$\s*\$\$", tex)]
