"""What is said of a release in several places says the same."""

import importlib.metadata
import importlib.util
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import elman

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = dict(re.findall(r"(?m)^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text()))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def workflow(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text())


def test_the_version_stands_in_one_place() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", elman.__version__)
    assert "version" in PROJECT["dynamic"]
    assert importlib.metadata.version("elman") == elman.__version__
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == elman.__version__
    assert citation["license"] == PROJECT["license"]


def test_the_changelog_is_in_its_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    versions = re.findall(r"(?m)^## (.*)$", text)
    assert versions[0] == "[Unreleased]"
    for version in versions[1:]:
        assert re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", version), version
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"(?m)^### (.*)$", text)) <= kinds


def test_the_matrix_tests_what_the_package_promises() -> None:
    jobs = workflow("tests")["jobs"]["tests"]
    matrix = jobs["strategy"]["matrix"]
    promised = [
        line.rpartition(" ")[2]
        for line in PROJECT["classifiers"]
        if re.search(r"Python :: 3\.\d+$", line)
    ]
    assert matrix["python"] == promised
    assert PROJECT["requires-python"] == f">={promised[0]}"
    versions = {(each["torch"], each.get("python")): each["version"] for each in matrix["include"]}
    (torch,) = [line for line in PROJECT["dependencies"] if line.startswith("torch")]
    assert versions["newest", None] == PINS["torch"]
    assert versions["lowest", None] == f"{torch.partition('>=')[2]}.0"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_name_files_that_are_there(path: Path) -> None:
    text = path.read_text()
    loaded = yaml.safe_load(text)
    assert loaded["permissions"] == {"contents": "read"}  # what needs more says so by itself
    for name in re.findall(r"(?:python|uses:) ((?:\./)?[\w./-]+\.(?:py|yml))", text):
        assert (ROOT / name).is_file(), name
    for extras in re.findall(r"\.\[([\w,]+)\]", text):
        assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])


def test_a_newcomers_commands_are_few_and_the_same_in_both_languages() -> None:
    found = importlib.util.spec_from_file_location("newcomer", ROOT / "benchmarks/newcomer.py")
    newcomer = importlib.util.module_from_spec(found)
    found.loader.exec_module(newcomer)
    english, chinese = (
        newcomer.commands((ROOT / name).read_text()) for name in ("README.md", "README.zh.md")
    )
    assert english[:-1] == chinese[:-1]
    assert len(english) <= newcomer.MOST
    assert [line.split()[0] for line in english[-2:]] == ["elman", "curl"]
