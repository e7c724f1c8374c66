"""Runs the code of the README and the docs, and parses the commands that they show."""

import doctest
import re
import shlex
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

from elman.cli.app import app

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("README*.md"), *DOCS.glob("**/*.md")])
CHINESE = sorted((DOCS / "zh").glob("**/*.md"))
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    return [code for kind, code in FENCE.findall(page.read_text()) if kind == language]


@pytest.mark.parametrize("page", [page for page in PAGES if page not in CHINESE], ids=name)
def test_python_of_the_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks of a page share their names; one with >>> is held to the output that it shows.

    Pages in Chinese have the code of the English ones, as another test sees to.
    """
    monkeypatch.chdir(tmp_path)
    mpl.use("svg")
    names: dict[str, object] = {"__name__": page.stem}
    for code in blocks(page, "python"):
        if ">>>" in code:
            runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
            test = doctest.DocTestParser().get_doctest(code, names, page.name, str(page), 0)
            runner.run(test, clear_globs=False)
            names.update(test.globs)
            assert runner.failures == 0
        else:
            exec(compile(code, str(page), "exec"), names)
    pyplot.close("all")
    if "](figures/" in page.read_text():
        assert isinstance(names["figure"], Figure), "its code does not draw the figure it shows"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_of_the_page_parse(page: Path) -> None:
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.partition(" > ")[0], comments=True)
            if words[:1] == ["elman"]:
                app.parse_args(words[1:], exit_on_error=False, print_error=False)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_images_of_the_page_have_alternative_texts(page: Path) -> None:
    assert not re.findall(r"!\[\s*\]\(", page.read_text())


@pytest.mark.parametrize("page", CHINESE, ids=name)
def test_a_page_in_chinese_has_the_code_of_the_english_one(page: Path) -> None:
    """So has it the figures, whose code draws them, and a chapter for each chapter."""
    english = DOCS / page.relative_to(DOCS / "zh")
    assert FENCE.findall(page.read_text()) == FENCE.findall(english.read_text())
    for what in (r"^#+ ", r"^\|", r"\]\(figures/[\w-]+\.svg\)"):
        there, here = (len(re.findall(what, p.read_text(), re.M)) for p in (english, page))
        assert here == there, what


def test_every_chapter_of_the_course_is_there_in_both_languages() -> None:
    english, chinese = (
        {page.name for page in (DOCS / folder).glob("*.md")} for folder in ("course", "zh/course")
    )
    assert english == chinese
    assert len(english) == 8
