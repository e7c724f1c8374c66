"""Files of settings: read for --config, printed by --print-config."""

import tomllib
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from elman.data.text.files import read_text
from elman.data.values import shown
from elman.errors import DataError, SettingsError

_MOST_CONFIG = 2**20  # bytes


def read_config(path: Path) -> dict[str, Any]:
    """The settings of a YAML or TOML file."""
    try:
        if path.is_file() and path.stat().st_size > _MOST_CONFIG:
            raise SettingsError(f"--config: {path} is larger than {_MOST_CONFIG:,} bytes")
        text = read_text(path)
        is_toml = path.suffix.lower() == ".toml"
        content = tomllib.loads(text) if is_toml else yaml.safe_load(text)
    except DataError as error:
        raise SettingsError(f"--config: {error}") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        what = " ".join(str(error).split())[:300]
        raise SettingsError(f"--config: {path} cannot be read: {what}") from None
    except RecursionError:
        raise SettingsError(f"--config: {path} cannot be read: nested too deep") from None
    if not isinstance(content, dict):
        raise SettingsError(f"--config: {path} must hold lines of the form `name: value`")
    for name, value in content.items():
        if not isinstance(name, str):
            raise SettingsError(
                f"--config: {path}: {shown(name)} is not the name of a setting: put it in quotes if"
                " it is one"
            )
        values = value if isinstance(value, list) else [value]
        if any(not isinstance(each, str | int | float | None) for each in values):
            raise SettingsError(
                f"--config: {path}: {name:.40} must be a number, a text, true, false, none or a"
                f" list of these, not a {type(value).__name__}"
            )
    if "config" in content:
        raise SettingsError(f"--config: {path} names another config, which is not allowed")
    return {name: "none" if value is None else value for name, value in content.items()}


def print_config(settings: BaseModel, **rest: Any) -> None:
    """Print settings as a YAML file that --config reads."""
    for name, value in rest.items():
        if value is not None:
            print(_line(name, value))
    planned: frozenset[str] = getattr(settings, "planned", frozenset()) - settings.model_fields_set
    for name, field in type(settings).model_fields.items():
        line = (
            f"# {name}:  # from the data"
            if name in planned
            else _line(name, getattr(settings, name))
        )
        print(f"{line}  # {field.description}")


def _line(name: str, value: Any) -> str:
    return yaml.safe_dump({name: value}, allow_unicode=True, width=1000).strip()
