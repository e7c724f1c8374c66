"""Tasks of other packages, added by an entry point; and what elman's own tell the command line."""

import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import elman
from elman.errors import ModelError
from elman.tasks import registry
from elman.tasks.commands import Flags
from elman.tasks.registry import BUILTIN, TASKS, commands_of

POLARITY = """
    from collections.abc import Iterator, Sequence
    from typing import Any

    from pydantic import Field

    from elman.tasks import Classify, ClassifySettings
    from elman.tasks.commands import Commands, EvaluateFlags, Part, PredictFlags, Rows


    class Shout(PredictFlags):
        shout: bool = Field(False, description="Labels in capitals.")

        def run(
            self, task: Any, inputs: Sequence[str], data: Any, *, as_json: bool
        ) -> Iterator[Part]:
            labels = task.predict(list(inputs))
            yield Rows([{"label": each.upper() if self.shout else each} for each in labels])
            yield "said\\n"


    class Settings(ClassifySettings):
        strictness: float = Field(0.5, ge=0, le=1, description="How strict.")


    class Polarity(Classify):
        '''Tell good from bad.'''

        name = "polarity"
        settings_type = Settings
        commands = Commands(
            Settings,
            "Train a judge.\\n\\nExample: `elman train polarity --data reviews.csv`",
            predict=Shout,
        )


    class Plain(Classify):
        '''Tell apart
        two kinds.'''

        name = "plain"
        commands = None
"""
SMALL = ["--hidden-size", "4", "--embedding-size", "4", "--max-steps", "2"]


def write_package(folder: Path, name: str, points: dict[str, str], source: str) -> None:
    """A distribution as pip leaves it: a module and its metadata."""
    (folder / f"{name}.py").write_text(textwrap.dedent(source))
    info = folder / f"{name}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    lines = "".join(f"{key} = {value}\n" for key, value in points.items())
    (info / "entry_points.txt").write_text(f"[elman.tasks]\n{lines}")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to install packages in, and to run commands in."""
    for kept in (registry.others, registry._loaded):
        kept.cache_clear()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    rows = "\n".join(["text,label", *["good film,good", "bad film,bad"] * 10])
    (tmp_path / "reviews.csv").write_text(rows)
    yield tmp_path
    for kept in (registry.others, registry._loaded):
        kept.cache_clear()
    for name in ("judges", "broken"):
        sys.modules.pop(name, None)


@pytest.fixture
def judges(installed: Path) -> Path:
    points = {"polarity": "judges:Polarity", "plain": "judges:Plain", "speech": "judges:Plain"}
    write_package(installed, "judges", points, POLARITY)
    return installed


# Commands one after the other in a new process, which finds the packages when it begins.
COMMANDS = """
import json, sys
from elman.cli import main
for words in json.loads(sys.argv[1]):
    code = 0
    try:
        main(words)
    except SystemExit as end:
        code = end.code or 0
    print(code, end="\\0", flush=True)
    print(end="\\0", file=sys.stderr, flush=True)
"""


def run(folder: Path, *commands: list[str]) -> list[tuple[int, str, str]]:
    """The status, output and errors of each."""
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, json.dumps(commands)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": ":".join([str(folder), *sys.path])},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed = [re.fullmatch(r"(.*?)(\d+)", out, re.DOTALL) for out in done.stdout.split("\0")[:-1]]
    errors = done.stderr.split("\0")
    return [(int(out[2]), out[1], err) for out, err in zip(printed, errors[:-1], strict=True)]


def test_a_task_of_another_package_is_used_as_elman_s_own(judges: Path) -> None:
    """Training, saving, loading and prediction, with a flag of its own, from the command line."""
    train = ["train", "polarity", "--data", "reviews.csv", "--strictness"]
    trained, predicted, evaluated, refused = run(
        judges,
        [*train, "1", *SMALL],
        ["predict", "runs/polarity", "good film", "--shout", "--json"],
        ["evaluate", "runs/polarity", "--data", "reviews.csv", "--json"],
        [*train, "2"],
    )
    assert (trained[0], "accuracy" in trained[1]) == (0, True), trained
    first, second = predicted[1].splitlines()
    assert json.loads(first)["label"] in ("GOOD", "BAD")
    assert second == "said"
    assert json.loads(evaluated[1])["accuracy"] >= 0
    assert (refused[0], "strictness" in refused[2]) == (2, True)
    task = elman.load("runs/polarity")
    assert type(task).__name__ == "Polarity"
    assert task.settings.strictness == 1


def test_help_and_info_name_it_with_its_package(judges: Path) -> None:
    lines = ("train --help", "info", "train polarity --help", "predict --help")
    train, info, polarity, predict = run(judges, *(line.split() for line in lines))
    for _, output, errors in (train, info):
        assert "polarity" in output, errors
        assert "judges 1.2" in " ".join(output.split())
    assert "--strictness" in polarity[1]
    assert "--shout" in predict[1]


def test_without_commands_of_its_own_help_is_made_of_the_docstring(judges: Path) -> None:
    found = commands_of("plain")
    assert found.help == ("Tell apart two kinds.\n\nExample: `elman train plain --data data.csv`")
    assert found.settings is elman.tasks.ClassifySettings


def test_names_of_elman_s_own_stay_its_own(judges: Path) -> None:
    assert TASKS["speech"] is elman.tasks.Speech
    assert list(TASKS) == [*BUILTIN, "polarity", "plain"]
    assert len(TASKS) == len(list(TASKS))
    assert "polarity" in TASKS
    assert "tagging" not in TASKS


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("raise OSError('no licence')", "cannot be imported: OSError: no licence"),
        ("import a_package_that_is_missing", "cannot be imported: ModuleNotFoundError"),
        ("Task = 3", "is no class derived from elman.tasks.Task"),
        ("from elman.tasks import Classify as Task", "calls itself 'classify'"),
    ],
)
def test_a_package_that_fails_is_named(installed: Path, source: str, words: str) -> None:
    write_package(installed, "broken", {"odd": "broken:Task"}, source)
    with pytest.raises(ModelError, match=r"the task odd of broken 1\.2") as caught:
        TASKS["odd"]
    assert words in str(caught.value)


def test_a_package_that_fails_costs_no_other_task(installed: Path) -> None:
    write_package(installed, "broken", {"odd": "broken:Task"}, "raise OSError('no licence')")
    ((code, _, errors),) = run(installed, ["train", "odd", "--data", "reviews.csv"])
    assert (code, len(errors.splitlines())) == (2, 1), errors
    assert "no licence" in errors
    ((code, output, errors),) = run(installed, ["predict", "--help"])
    assert code == 0
    assert "--hot-word" in output
    assert "the task odd of broken 1.2" in errors


def test_a_task_that_is_not_there_is_named(installed: Path) -> None:
    with pytest.raises(KeyError):
        TASKS["tagging"]


@pytest.mark.parametrize("name", BUILTIN)
def test_commands_of_elman_s_own_are_those_of_the_class(name: str) -> None:
    found = commands_of(name)
    assert TASKS[name].name == name
    assert TASKS[name].commands is found
    assert TASKS[name].settings_type is found.settings
    assert set(found.data_settings) <= set(found.settings.model_fields)


def test_a_flag_that_several_tasks_have_is_the_same_in_all() -> None:
    for command in ("predict", "evaluate", "generate"):
        seen: dict[str, Any] = {}
        for name in BUILTIN:
            kind: type[Flags] | None = getattr(commands_of(name), command)
            for flag, field in ({} if kind is None else kind.model_fields).items():
                assert seen.setdefault(flag, field.annotation) == field.annotation


def test_the_task_of_the_docs_is_used_by_the_commands(installed: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "own-task.md").read_text()
    source = page.partition("```python\n")[2]
    write_package(installed, "tagging", {"tag": "tagging:Tag"}, source.partition("```")[0])
    pairs = [
        (noun, verb) for noun in ("cats", "dogs", "birds") for verb in ("sleep", "sing", "run")
    ]
    lines = [f"the/D {noun}/N {verb}/V" for noun, verb in pairs] * 6
    (installed / "lines.txt").write_text("\n".join(lines))
    flags = ("--hidden-size", "16", "--epochs", "15", "--lr", "0.03", "--out", "runs/tag")
    trained, predicted = run(
        installed,
        ["train", "tag", "--data", "lines.txt", *flags],
        ["predict", "runs/tag", "the birds run", "--json"],
    )
    assert trained[0] == 0, trained
    assert json.loads(predicted[1])["tags"] == ["D", "N", "V"], predicted
