"""Hook of the site's build: each page with Python code is offered as a notebook.

The notebooks stand in the site alone, under notebooks/. Their code cells are the page's blocks of
Python, in order, with the output that the page shows; they draw the page's figures.
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
ALONE = re.compile(r"^\[[^\]]+\]\([^)\s]+\.md\)$", re.MULTILINE)  # the page in another language
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
    """A page as a notebook of format 4.5: its text, and cells of each block of Python."""
    cells = [_cell("markdown", BEGINS[language])]
    for i, part in enumerate(CODE.split(markdown)):
        if i % 2:
            cells += [_cell("code", source, output) for source, output in code(part)]
        elif text := LINK.sub(r"\1", FIGURE.sub("", ALONE.sub("", part))).strip("\n"):
            cells.append(_cell("markdown", text))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def code(block: str) -> list[tuple[str, str]]:
    """What a block runs, cell by cell, and what the page says that it prints.

    Of an example with >>> each output ends a cell, since a cell shows its last value alone.
    """
    if ">>>" not in block:
        return [(block.strip("\n"), "")]
    cells, source = [], ""
    for example in doctest.DocTestParser().get_examples(block):
        source += example.source
        if example.want:
            cells.append((source.strip("\n"), example.want))
            source = ""
    return [*cells, (source.strip("\n"), "")] if source else cells


def _cell(kind: str, source: str, output: str = "") -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "metadata": {}}
    cell["source"] = source.splitlines(keepends=True)
    if kind == "code":
        text = output.splitlines(keepends=True)
        printed = [{"output_type": "stream", "name": "stdout", "text": text}]
        cell |= {"execution_count": None, "outputs": printed if output else []}
    return cell
