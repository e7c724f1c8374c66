"""The commands `elman train TASK`, one for each task of the registry."""

import inspect
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, ArgumentCollection, Group, Parameter, validators
from pydantic import BaseModel

from elman.cli import output, settings_file
from elman.cli.standard_input import Source, readable, suffix_for
from elman.cli.workers import is_begun_again, is_worker, supervised, worker
from elman.errors import SettingsError
from elman.tasks.commands import Commands
from elman.tasks.registry import BUILTIN, TASKS, commands_of, package
from elman.tasks.settings import RecurrentSettings, TextFileSettings
from elman.train.settings import TrainSettings

OF_DATA, OF_TASK, OF_NETWORK, OF_TRAINING = (
    Group.create_ordered(name) for name in ("Data and files", "Task", "Network", "Training")
)

_DURATIONS = {"budget"}  # which may be written with a unit, as 5m

TrainingData = Annotated[Source, Parameter(group=OF_DATA)]
Validation = Annotated[
    str | None,
    Parameter(
        help="Data for validation, by which the best weights are chosen; by default a"
        " share is held out.",
        allow_leading_hyphen=True,
        group=OF_DATA,
    ),
]
Out = Annotated[
    Path | None, Parameter(help="Folder of the run; runs/TASK if not given.", group=OF_DATA)
]
Resume = Annotated[
    bool,
    Parameter(
        help="Continue from the checkpoint in the folder.",
        negative="",
        show_default=False,
        group=OF_DATA,
    ),
]
From = Annotated[
    str | None,
    Parameter(
        name="--from",
        help="Start from the weights and preprocessing of this model; settings that are"
        " not given are taken from it.",
        group=OF_DATA,
    ),
]
Workers = Annotated[
    int | None,
    Parameter(
        help="Processes on this machine that train together; if one is killed, all restart"
        " from the last checkpoint. For several machines use torchrun.",
        validator=validators.Number(gte=1, lte=1024),
        group=OF_TRAINING,
    ),
]
WorkerTimeout = Annotated[
    str,
    Parameter(
        help="Longest time that workers wait for each other, such as 30s or 10m; must be"
        " longer than an evaluation.",
        group=OF_TRAINING,
    ),
]
Config = Annotated[
    Path | None,
    Parameter(
        help="YAML or TOML file with any of these settings; flags take precedence.", group=OF_DATA
    ),
]
PrintConfig = Annotated[
    bool,
    Parameter(
        help="Print the settings in the format of --config, and stop.",
        negative="",
        show_default=False,
        group=OF_DATA,
    ),
]


class TrainApp(App):
    """Flags say what they are by themselves, without docstrings: help needs them put together once.

    With the 75 flags of a task that takes 0.1 s.
    """

    def assemble_argument_collection(
        self, *, default_parameter: Parameter | None = None, parse_docstring: bool = False
    ) -> ArgumentCollection:
        """All flags; the same object as before, as long as no word was read into it."""
        del parse_docstring
        kept: ArgumentCollection | None = self.__dict__.get("_assembled")
        if kept is None or any(argument.tokens for argument in kept):
            kept = super().assemble_argument_collection(default_parameter=default_parameter)
            self.__dict__["_assembled"] = kept
        return kept


app = TrainApp(name="train", help="Train a model on your data; each task has a command.")


def __getattr__(name: str) -> Any:
    """The command of a task, which the application asks for when it is used."""
    if name not in TASKS:
        raise AttributeError(name)
    return command(name, commands_of(name))


def command(task: str, known: Commands) -> Any:
    """The function that trains a task; its parameters are the flags."""
    settings_type = grouped(known)
    defaults = settings_type()

    def train(
        *,
        data: TrainingData = None,
        validation: Validation = None,
        out: Out = None,
        resume: Resume = False,
        start_from: From = None,
        config: Config = None,
        print_config: PrintConfig = False,
        workers: Workers = None,
        worker_timeout: WorkerTimeout = "30m",
        settings: Any = defaults,
    ) -> None:
        del config  # read before the flags
        settings = with_lists(settings)
        folder = out or Path("runs") / task
        if print_config:
            settings_file.print_config(settings, data=data, validation=validation, out=str(folder))
            return
        if data is None:
            raise SettingsError("--data is missing: name a file or a dataset to train on")
        if data == validation == "-":
            raise SettingsError("--data - and --validation -: standard input can be read only once")
        if not is_worker(workers) and workers is not None:
            sources = (data, validation)
            supervised(workers, settings.shards, folder, resume=resume, sources=sources)
        resume = resume or is_begun_again(folder)
        made = TASKS[task](**settings.model_dump(exclude_unset=True))
        suffix = suffix_for(known, made.settings)
        with (
            worker(worker_timeout) as group,
            readable(data, suffix) as source,
            readable(validation, suffix) as held_out,
        ):
            made.fit(
                source,
                held_out,
                folder=folder,
                resume=resume,
                start_from=start_from,
                workers=group,
            )
        if group.is_first:
            output.trained(made, folder)

    train.__doc__ = known.help
    train.__annotations__["settings"] = Annotated[settings_type, Parameter(name="*")]
    if not known.validation:
        signature = inspect.signature(train)
        taken = [each for name, each in signature.parameters.items() if name != "validation"]
        train.__signature__ = signature.replace(parameters=taken)  # type: ignore[attr-defined]
    return train


@cache
def grouped(known: Commands) -> type[BaseModel]:
    """The settings, listed in help under what they are about, the task's own first."""
    of_text_files = TextFileSettings.model_fields
    planned: frozenset[str] = getattr(known.settings, "planned", frozenset())
    for name, field in known.settings.model_fields.items():
        group = OF_NETWORK if name in RecurrentSettings.model_fields else OF_TASK
        group = OF_TRAINING if name in TrainSettings.model_fields else group
        group = OF_DATA if name in known.data_settings or name in of_text_files else group
        field.metadata.append(Parameter(group=group))
        if name in planned:
            field.metadata.append(Parameter(show_default=lambda _: "from the data"))
        if name in _DURATIONS:
            field.metadata.append(Parameter(converter=lambda _, tokens: tokens[0].value))
    return known.settings


def with_lists(settings: BaseModel) -> BaseModel:
    """Settings whose lists of words may also have been written as one word with commas."""
    given = settings.model_dump(exclude_unset=True)
    for name in given:
        if type(settings).model_fields[name].annotation == tuple[str, ...]:
            words = ",".join(given[name])
            given[name] = tuple(words.split(",")) if words else ()
    return type(settings)(**given)


for _name in BUILTIN:
    app.command(command(_name, commands_of(_name)), name=_name)
for _name in TASKS:
    if _name not in BUILTIN:
        app.command(
            f"{__name__}:{_name}",
            name=_name,
            help=f"Train a model of the task {_name}, which {package(_name)} adds.\n\n"
            f"Example: `elman train {_name} --data data.csv`",
        )
