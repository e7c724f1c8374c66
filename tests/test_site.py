"""Every page has its place in the site, and every link and its heading are there."""

import ast
import re
import runpy
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from elman.tasks.registry import TASKS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("**/*.md")])
FENCES = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    return FENCES.sub("", page.read_text("utf-8"))


@cache
def anchors(page: Path) -> set[str]:
    """Of the page's headings, as the site makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    texts = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", text).strip()) for text in texts}


def nav() -> list[str]:
    """The pages of the site in their order."""
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    return re.findall(r"[\w/-]+\.md", text.partition("\nnav:\n")[2].partition("\nvalidation:")[0])


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_of_the_page_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        if re.match(r"https?:|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if path.startswith("reference/"):  # which the build makes
            assert path in nav(), target
            continue
        assert there.exists(), target
        if anchor and there.suffix == ".md":
            assert anchor in anchors(there), target


def test_every_page_has_one_place_in_the_site() -> None:
    pages = [page for page in nav() if not page.startswith("reference/")]
    assert len({*pages}) == len(pages)
    assert {*pages} == {page.relative_to(DOCS).as_posix() for page in DOCS.glob("**/*.md")}


def test_the_reference_has_every_public_package_and_its_names() -> None:
    reference = runpy.run_path(str(ROOT / "site" / "reference.py"))
    pages = {folder: reference["public"](folder) for folder in reference["PACKAGES"]}
    listed = [page for page in nav() if page.startswith("reference/")]
    assert listed == [f"reference/{folder or 'elman'}.md" for folder in pages]
    names = [name for page in pages.values() for name in page]
    assert len(names) == len({*names})
    assert all(pages.values())
    for one in ("tasks.speech.task.Speech", "scale.spark.predict", "decode.sampling.Sampling"):
        assert f"elman.{one}" in names
    assert {*TASKS} <= {name.rpartition(".")[2].lower() for name in pages["tasks"]}


def test_a_newcomer_reads_the_site_from_the_first_model_on() -> None:
    pages = nav()
    order = ["index.md", "first-model.md", "classify.md", "cells.md", "own-cell.md"]
    order += [
        "command-line.md",
        "troubleshooting.md",
        "benchmarks/index.md",
        "course/01-structure.md",
    ]
    assert [pages.index(page) for page in order] == sorted(pages.index(page) for page in order)


@pytest.mark.parametrize("page", sorted(DOCS.glob("**/*.md")), ids=name)
def test_a_page_has_one_title_and_no_level_left_out(page: Path) -> None:
    levels = [len(marks) for marks in re.findall(r"^(#+) ", prose(page), re.MULTILINE)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_tables_show_no_goals_of_the_project(page: Path) -> None:
    heads = re.findall(r"^(\|.*\|)\n\|[-|: ]+\|$", prose(page), re.MULTILINE)
    assert not [head for head in heads if re.search(r"\|\s*(goals?|目标)\s*\|", head.lower())]


@cache
def texts_of_the_source() -> str:
    """All texts that stand in the code, a line each."""
    return "\n".join(
        node.value
        for file in sorted((ROOT / "src").glob("**/*.py"))
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def messages(page: Path) -> list[str]:
    """What the page's tables quote in their first columns, and as messages of findings."""
    rows = re.findall(r"^\| (.*) \|$", page.read_text("utf-8"), re.MULTILINE)
    return [message for row in rows for message in re.findall(r"`([^`]+)`", row.split(" | ")[0])]


def test_troubleshooting_quotes_what_elman_says() -> None:
    found = messages(DOCS / "troubleshooting.md")
    assert len(found) > 50
    for message in found:
        for part in message.split("..."):
            assert part.strip(" :,;()") in texts_of_the_source(), message


def test_troubleshooting_has_every_kind_of_finding() -> None:
    source = (ROOT / "src" / "elman" / "diagnose" / "findings.py").read_text("utf-8")
    kinds = re.findall(r'"(\w+)"', re.search(r"- `kind`: (.*?)\. `level`", source, re.DOTALL)[1])
    assert len(kinds) == 9
    assert {*kinds} <= {*messages(DOCS / "troubleshooting.md")}


def test_results_come_from_commands_of_the_guides() -> None:
    script = runpy.run_path(str(ROOT / "benchmarks" / "results.py"))
    for name in script["RUNS"]:
        assert {"train", "evaluate"} <= {*script["commands"](name)}, name


def test_formulas_of_adjacent_lines_are_apart() -> None:
    parts = runpy.run_path(str(ROOT / "site" / "formulas.py"))["parts"]
    assert parts(r"a_t = b$$" + "\n" + r"$$c_t = d") == ["a_t = b", "c_t = d"]
    assert parts("a = b") == ["a = b"]
