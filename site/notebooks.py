"""Hook of the site's build: each page with Python code is offered as a notebook.

The notebooks stand in the site alone, under notebooks/. Their code cells are the page's blocks of
Python, in order; the figures that a page shows are drawn by the cells.
"""

import doctest
import json
import posixpath
import re
from pathlib import PurePosixPath
from typing import Any

LABELS = {"en": "Download as a notebook", "zh": "下载为 Jupyter 笔记本"}
BEGINS = {
    "en": "Made from a page of elman's documentation. It needs elman: `pip install elman`.",
    "zh": "本笔记本由 elman 文档的一页生成。需要先安装 elman：`pip install elman`。",
}
CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FIGURE = re.compile(r"^!\[[^\]]*\]\(figures/[\w-]+\.svg\)$", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:)[^)\s]+\)")  # to a page of the site


def on_files(files: Any, *, config: Any) -> Any:
    """Add the notebooks, which are nowhere on the disk."""
    from mkdocs.structure.files import File

    for file in [*files.documentation_pages()]:
        text = file.content_string
        if CODE.search(text):
            content = json.dumps(notebook(text, language(file)), ensure_ascii=False, indent=1)
            files.append(File.generated(config, path(file.src_uri), content=content + "\n"))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Put a link to the notebook under the title of a page that has one."""
    if not CODE.search(markdown):
        return markdown
    target = posixpath.relpath(path(page.file.src_uri), page.file.url or ".")
    link = (
        f'<p data-search-exclude><a href="{target}" download>{LABELS[language(page.file)]}</a></p>'
    )
    return re.sub(r"(?m)^# .*$", lambda title: f"{title[0]}\n\n{link}", markdown, count=1)


def path(page: str) -> str:
    """Where a page's notebook stands in the site."""
    return f"notebooks/{PurePosixPath(page).with_suffix('.ipynb')}"


def language(file: Any) -> str:
    """The language of a page, by its folder."""
    return "zh" if file.src_uri.startswith("zh/") else "en"


def notebook(markdown: str, language: str = "en") -> dict[str, Any]:
    """A page as a notebook of format 4.5: its text, and a cell for each block of Python."""
    cells = [_cell("markdown", BEGINS[language])]
    for i, part in enumerate(CODE.split(markdown)):
        source = code(part) if i % 2 else LINK.sub(r"\1", FIGURE.sub("", part))
        if source.strip():
            cells.append(_cell("code" if i % 2 else "markdown", source.strip("\n")))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def code(block: str) -> str:
    """A block as code to run: of an example with >>>, what was typed, its output as comments."""
    return doctest.script_from_examples(block) if ">>>" in block else block


def _cell(kind: str, source: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "metadata": {}}
    cell["source"] = source.splitlines(keepends=True)
    return {**cell, "execution_count": None, "outputs": []} if kind == "code" else cell
