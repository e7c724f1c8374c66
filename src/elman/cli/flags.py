"""The flags that tasks add to the commands for trained models."""

import warnings
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from cyclopts import Group, Parameter
from pydantic import create_model
from pydantic.fields import FieldInfo

from elman.errors import ModelError, SettingsError
from elman.tasks.commands import Flags
from elman.tasks.registry import TASKS, commands_of
from elman.tasks.settings import validated

Command: TypeAlias = Literal["predict", "evaluate", "generate"]
F = TypeVar("F", bound=Flags)


def of_every_task(command: Command, *, without: str = "") -> type[Flags]:
    """One class with the flags of all tasks; a flag that several tasks have stands there once.

    `without`: one that the command has itself.
    """
    owned: dict[str, tuple[FieldInfo, list[str]]] = {}
    for task, flags in kinds(command).items():
        for name, field in flags.model_fields.items():
            if name == without:
                continue
            first, owners = owned.setdefault(name, (field, []))
            if first.annotation == field.annotation:
                owners.append(task)
            else:
                warnings.warn(
                    f"--{_flag(name)} of the task {task} is left out: it has another type in the"
                    f" task {owners[0]}",
                    UserWarning,
                    stacklevel=2,
                )
    titles = [f"For the task {' or '.join(owners)}" for _, owners in owned.values()]
    groups = {title: Group.create_ordered(title) for title in titles}
    fields: dict[str, Any] = {
        name: (Annotated[field.annotation, _parameter(field, groups[title])], field)
        for (name, (field, _)), title in zip(owned.items(), titles, strict=True)
    }
    return create_model(f"{command.capitalize()}Flags", __base__=Flags, **fields)


def of_task(kind: type[F], given: Flags, command: Command, task: str, model: str) -> F:
    """The given flags as those of a task; SettingsError for one that only others have."""
    values = given.model_dump(exclude_unset=True)
    for name in values:
        if name not in kind.model_fields:
            owners = [other for other, own in kinds(command).items() if name in own.model_fields]
            raise SettingsError(
                f"--{_flag(name)} is for {' and '.join(owners)}; {model} is a model of the task"
                f" {task}"
            )
    return validated(kind, values)


def kinds(command: Command) -> dict[str, type[Flags]]:
    """The flags of each task; a task of another package that fails is left out."""
    found = {}
    for name in TASKS:
        try:
            kind = getattr(commands_of(name), command)
        except ModelError as error:
            warnings.warn(f"{error}; it is left out", UserWarning, stacklevel=3)
            continue
        if kind is not None:
            found[name] = kind
    return found


def _flag(name: str) -> str:
    return name.replace("_", "-")


def _parameter(field: FieldInfo, group: Group) -> Parameter:
    if field.default in (False, ()):  # a switch; a flag that may be given again
        return Parameter(group=group, negative=(), show_default=False)
    return Parameter(group=group)
