"""What a task tells the command line: its flags, its help, and what its commands print."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from elman.data.validation import Settings
from elman.errors import SettingsError

if TYPE_CHECKING:
    from rich.table import Table

    from elman.tasks.significance import Difference
    from elman.tasks.task import Task


@dataclass(frozen=True)
class Rows:
    """Rows of a table, such as `Task.rows` returns: printed tab-separated, or as JSON lines."""

    values: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Note:
    """A line that is not part of the result, printed on standard error."""

    text: str


# Text is printed as it is, a mapping as metrics.
Part: TypeAlias = "Rows | Note | Table | Mapping[str, float] | str"


class Flags(BaseModel):
    """Flags of one command that only some tasks have; each field is a flag, none is required."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PredictFlags(Flags):
    """A task's flags of `elman predict`, and what it prints."""

    def options(self) -> dict[str, Any]:
        """The flags that were given, as options of `predictions`."""
        return self.model_dump(exclude_unset=True)

    def run(
        self,
        task: Any,
        inputs: Sequence[str],
        data: str | None,
        *,
        as_json: bool,  # noqa: ARG002
    ) -> Iterator[Part]:
        """Parts to print in turn, for inputs given as words or for data.

        An error may be raised after what could be predicted.
        """
        if bool(inputs) == (data is not None):
            raise SettingsError(
                "give either texts, or --data FILE, or - for standard input, to predict"
            )
        yield Rows(task.rows(list(inputs) if inputs else data))


class EvaluateFlags(Flags):
    """A task's flags of `elman evaluate`, and what it prints."""

    def run(self, task: Any, data: str, *, as_json: bool) -> Iterator[Part]:  # noqa: ARG002
        """Parts to print in turn; with `as_json` the metrics alone."""
        yield task.evaluate(data)

    def compare(self, task: Any, other: Any, data: str) -> "list[Difference]":
        """The metrics of a model and another one of the same task, and whether they differ."""
        found: list[Difference] = task.compare(other, data, **self.model_dump(exclude_none=True))
        return found


class GenerateFlags(Flags):
    """A task's flags of `elman generate`; a task without such a class cannot generate."""

    def run(self, task: Any, prompt: str) -> Iterator[str]:
        """What is printed, in pieces: the text after the prompt, or names of files."""
        raise NotImplementedError


@dataclass(frozen=True)
class Commands:
    """What the command line knows of a task before it imports it.

    - `settings`: the task's settings, the flags of `elman train`.
    - `help`: what `elman train TASK --help` says, with an example.
    - `predict`, `evaluate`, `generate`: flags of these commands, and what they print.
    - `data_settings`: names of settings that say where things stand in the data.
    - `validation`: whether training takes validation data.
    - `reads`: the kinds of unnamed content, as from standard input, that the task can read.
    """

    settings: type[Settings]
    help: str
    predict: type[PredictFlags] = PredictFlags
    evaluate: type[EvaluateFlags] = EvaluateFlags
    generate: type[GenerateFlags] | None = None
    data_settings: tuple[str, ...] = ()
    validation: bool = True
    reads: tuple[Literal["text", "table", "sound"], ...] = ("text", "table")

    @classmethod
    def of(cls, task: "type[Task]") -> "Commands":
        """Those that a task states, or what can be said of any task."""
        if task.commands is not None:
            stated: Commands = task.commands
            return stated
        first = (task.__doc__ or f"Train the task {task.name}.").partition("\n\n")[0]
        example = f"Example: `elman train {task.name} --data data.csv`"
        return cls(task.settings_type, f"{' '.join(first.split())}\n\n{example}")
