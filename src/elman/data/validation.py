"""Settings checked by pydantic, whose errors are one line of ours."""

import warnings
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import BaseModel, ValidationError

from elman.data.values import shown
from elman.errors import SettingsError

MOST_PROBLEMS = 3  # named in one message
_LONGEST = 200  # characters of each


class Settings(BaseModel):
    """Settings by name; an unknown name or a value out of bounds raises `SettingsError`.

    `renamed`: names that settings had once, with those of today. Saved models and, with a warning,
    keywords and flags may use them.
    """

    renamed: ClassVar[Mapping[str, str]] = MappingProxyType({})

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SettingsError(in_one_line(error)) from None

    # By this mark pydantic does not go through `__init__` where it validates nested values.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @classmethod
    def current(cls, values: Mapping[str, Any], *, stacklevel: int | None = None) -> dict[str, Any]:
        """Settings by the names of today; the old name of a setting that is there is left out.

        With a `stacklevel` a warning tells the name of today of each old one.

        >>> class Sound(Settings):
        ...     renamed = {"rate": "sample_rate"}
        ...     sample_rate: int = 8000
        >>> Sound.current({"rate": 16000, "bins": 40})
        {'sample_rate': 16000, 'bins': 40}
        """
        found: dict[str, Any] = {}
        for name, value in values.items():
            new = cls.renamed.get(name)
            if new is not None and stacklevel is not None:
                _warn(f"the setting {name} is called {new} now", stacklevel)
            if new is None or new not in values:
                found[new or name] = value
        return found

    @classmethod
    def current_flags(cls, words: Sequence[str]) -> list[str]:
        """The words of a command with the flags of today; a warning tells those of each old one."""
        renamed = {_flag(old): _flag(new) for old, new in cls.renamed.items()}
        found = []
        for word in words:
            name, equals, value = word.partition("=")
            if name in renamed:
                _warn(f"the flag {name} is called {renamed[name]} now", 1)
            found.append(f"{renamed.get(name, name)}{equals}{value}")
        return found


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _warn(message: str, stacklevel: int) -> None:
    warnings.warn(message, UserWarning, stacklevel=stacklevel + 2)


def in_one_line(error: ValidationError) -> str:
    """What is wrong with which setting."""
    problems = []
    for each in error.errors():
        name = ".".join(map(str, each["loc"]))[:_LONGEST]
        if each["type"] == "extra_forbidden":
            problems.append(f"there is no setting {name}")
        elif each["type"] == "value_error":  # in words of ours, which say what came
            message = str(each["ctx"]["error"])
            problems.append(message if message.startswith(name) else f"{name}: {message}")
        else:
            lead = f"{name}: " if name else ""
            problems.append(f"{lead}{each['msg']}, got {shown(each['input'], 80)}")
    named = problems[:MOST_PROBLEMS]
    more = [f"and {len(problems) - len(named)} more"] if len(problems) > len(named) else []
    return "; ".join(named + more)
