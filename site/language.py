"""Hook of the site's build: the language of Chinese pages, for screen readers and fonts."""

from typing import Any


def on_post_page(output: str, *, page: Any, **_: Any) -> str:
    """Set the language of the pages under zh/."""
    if not page.file.src_uri.startswith("zh/"):
        return output
    return output.replace('<html lang="en"', '<html lang="zh-Hans"', 1)
