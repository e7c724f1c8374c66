"""The notebooks that the site offers have the code of its pages, and run."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from matplotlib import pyplot

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PATH = ROOT / "site" / "notebooks.py"
spec = importlib.util.spec_from_file_location("notebooks", PATH)
notebooks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(notebooks)


def blocks(page: Path) -> list[str]:
    parts = page.read_text().split("\n```")
    return [part.removeprefix("python\n") for part in parts if part.startswith("python\n")]


def name(page: Path) -> str:
    return page.relative_to(DOCS).as_posix()


def typed(block: str) -> list[str]:
    lines = [line for line in block.splitlines() if line]
    if ">>>" in block:
        lines = [line[4:] for line in lines if line.startswith((">>> ", "... "))]
    return lines


PAGES = [page for page in sorted(DOCS.glob("**/*.md")) if blocks(page)]


def cells(page: Path, kind: str) -> list[str]:
    made = json.loads(json.dumps(notebooks.notebook(page.read_text())))
    assert (made["nbformat"], made["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in made["cells"]}) == len(made["cells"])
    return ["".join(cell["source"]) for cell in made["cells"] if cell["cell_type"] == kind]


def test_the_course_and_the_guides_have_notebooks() -> None:
    assert len(PAGES) > 20
    assert len([page for page in PAGES if page.parent.name == "course"]) == 16


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_notebook_has_the_code_of_the_page(page: Path) -> None:
    """`test_docs` runs that code."""
    code = cells(page, "code")
    lines = [line for block in blocks(page) for line in typed(block)]
    assert [line for cell in code for line in cell.splitlines() if line] == lines
    for cell in code:
        compile(cell, name(page), "exec")
    text = "\n".join(cells(page, "markdown"))
    assert text.count("```") % 2 == 0
    assert "](figures/" not in text
    assert ".md)" not in text


@pytest.mark.parametrize("page", ["course/03-bptt.md", "course/04-gradients.md", "layers.md"])
def test_cells_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mpl.use("svg")
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in cells(DOCS / page, "code"):
        exec(compile(cell, page, "exec"), names)
    pyplot.close("all")


def test_each_output_of_an_example_ends_a_cell() -> None:
    example = ">>> a = 2\n>>> a + 1\n3\n>>> for i in range(2):\n...     print(i)\n0\n1\n"
    code = f"```python\n{example}```\n\n```sh\nls\n```\n"
    page = f"# A\n\n[中文](zh/a.md)\n\nSee [B](b.md#c).\n\n{code}"
    _, text, first, second, rest = notebooks.notebook(page)["cells"]
    assert "".join(text["source"]) == "# A\n\n\n\nSee B."
    assert "".join(first["source"]) == "a = 2\na + 1"
    assert first["outputs"] == [{"output_type": "stream", "name": "stdout", "text": ["3\n"]}]
    assert "".join(second["source"]) == "for i in range(2):\n    print(i)"
    assert second["outputs"][0]["text"] == ["0\n", "1\n"]
    assert "".join(rest["source"]) == "```sh\nls\n```"
