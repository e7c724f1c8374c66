"""The tasks by name, each imported on first use: elman's own, and those of other packages."""

import importlib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from elman.errors import ModelError

if TYPE_CHECKING:
    from elman.tasks.commands import Commands
    from elman.tasks.task import Task

GROUP = "elman.tasks"
BUILTIN: Mapping[str, tuple[str, str]] = MappingProxyType(  # the class; its `Commands`
    {
        "classify": ("elman.tasks.classify.task:Classify", "elman.tasks.classify.flags:COMMANDS"),
        "forecast": ("elman.tasks.forecast.task:Forecast", "elman.tasks.forecast.flags:COMMANDS"),
        "handwriting": (
            "elman.tasks.handwriting.task:Handwriting",
            "elman.tasks.handwriting.flags:COMMANDS",
        ),
        "language": ("elman.tasks.language.task:Language", "elman.tasks.language.flags:COMMANDS"),
        "signature": (
            "elman.tasks.signature.task:Signature",
            "elman.tasks.signature.flags:COMMANDS",
        ),
        "speech": ("elman.tasks.speech.task:Speech", "elman.tasks.speech.flags:COMMANDS"),
        "synthesis": (
            "elman.tasks.synthesis.task:Synthesis",
            "elman.tasks.synthesis.flags:COMMANDS",
        ),
        "translate": (
            "elman.tasks.translate.task:Translate",
            "elman.tasks.translate.flags:COMMANDS",
        ),
        "video": ("elman.tasks.video.task:Video", "elman.tasks.video.flags:COMMANDS"),
    }
)


class Registry(Mapping[str, "type[Task]"]):
    """Names of tasks and their classes.

    A package adds a task of its own by an entry point:

    ```toml
    [project.entry-points."elman.tasks"]
    tag = "tagging:Tag"
    ```

    elman's own names stay with elman. A class that cannot be imported is a `ModelError`, which
    names the package.

    >>> TASKS["classify"]
    <class 'elman.tasks.classify.task.Classify'>
    """

    def __getitem__(self, name: str) -> "type[Task]":
        if name in BUILTIN:
            found: type[Task] = _imported(BUILTIN[name][0])
            return found
        return _loaded(name)

    def __iter__(self) -> Iterator[str]:
        return iter((*BUILTIN, *others()))

    def __len__(self) -> int:
        return len(BUILTIN) + len(others())

    def __contains__(self, name: object) -> bool:
        return name in BUILTIN or name in others()


TASKS = Registry()


def commands_of(name: str) -> "Commands":
    """What the command line knows of a task; of elman's own without the import of torch."""
    from elman.tasks.commands import Commands

    if name in BUILTIN:
        found: Commands = _imported(BUILTIN[name][1])
        return found
    return Commands.of(TASKS[name])


def _imported(path: str) -> Any:
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)


@cache
def others() -> Mapping[str, EntryPoint]:
    """The entry points of tasks of other packages, by name."""
    found = {each.name: each for each in entry_points(group=GROUP) if each.name not in BUILTIN}
    return MappingProxyType(found)


def package(name: str) -> str:
    """Whose a task of another package is: the name and version of its distribution."""
    distribution = others()[name].dist
    return "" if distribution is None else f"{distribution.name} {distribution.version}"


@cache
def _loaded(name: str) -> "type[Task]":
    from elman.tasks.task import Task

    point = others()[name]
    where = f"the task {name} of {package(name)} ({point.value})"
    try:
        found = point.load()
    except Exception as error:  # whatever the other package raises
        raise ModelError(f"{where} cannot be imported: {type(error).__name__}: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Task)):
        raise ModelError(f"{where} is no class derived from elman.tasks.Task")
    if found.name != name:
        raise ModelError(f"{where} calls itself {found.name!r:.80}: both names must be the same")
    return found
