"""What the command line prints: tables for people, JSON for programs."""

import json
import platform
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

import elman
from elman.cells import BUILTIN
from elman.compiler import cache
from elman.data import Dataset
from elman.data.text.files import read_text
from elman.data.values import shown
from elman.errors import DataError, SettingsError
from elman.html import write_page
from elman.tasks import Task
from elman.tasks.load import TASKS
from elman.version import __version__

if TYPE_CHECKING:
    from elman.bench.memory import Outcome
    from elman.diagnose import Diagnosis

MOST_CLASSES = 20
MOST_FILES = 50
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
        raise SettingsError(f"--config: {path} names another such file, which is not read")
    return {name: "none" if value is None else value for name, value in content.items()}


def config(settings: BaseModel, **rest: Any) -> None:
    """Print settings as a YAML file that --config reads."""
    for name, value in rest.items():
        if value is not None:
            print(_line(name, value))
    for name, field in type(settings).model_fields.items():
        print(f"{_line(name, getattr(settings, name))}  # {field.description}")


def _line(name: str, value: Any) -> str:
    return yaml.safe_dump({name: value}, allow_unicode=True, width=1000).strip()


def trained(task: Task, out: Path) -> None:
    """Print what training came to and what to do next."""
    training = task.record["training"]
    print(
        f"{training['stopped_because']} after {training['steps']} steps,"
        f" {training['seconds']:.0f} s; the weights of step {training['best_step']} are kept"
    )
    metrics(task.record["metrics"], title="on the validation data")
    print(
        f"the model is in {out}: see elman predict --help"
        f"{' and elman generate --help' if task.name == 'language' else ''}"
    )


def metrics(
    values: Mapping[str, float], *, as_json: bool = False, title: str | None = None
) -> None:
    """Print metrics by name."""
    if as_json:
        print(json.dumps(dict(values)))
        return
    table = Table("metric", "value", title=title)
    for name, value in values.items():
        table.add_row(name.replace("_", " "), f"{value:.4f}")
    _print(table)


def diagnosis(found: "Diagnosis", page: Path) -> None:
    """Print what a diagnosis found and where its page is."""
    width = None if sys.stdout.isatty() else 100
    Console(width=width, highlight=False).print(found.summary())
    print(f"the page is {page}")


def confusion(labels: Sequence[str], counts: NDArray[np.int64]) -> None:
    """Print how often each true label (row) was taken for each (column)."""
    if len(labels) > MOST_CLASSES:
        print(f"({len(labels)} classes: too many for a table of what was taken for what)")
        return
    table = Table("true \\ predicted", *labels)
    for label, row in zip(labels, counts, strict=True):
        table.add_row(label, *map(str, row))
    _print(table)


def table(made: Table) -> None:
    """A table that something made of itself."""
    _print(made)


def rows(values: Sequence[Mapping[str, Any]], *, as_json: bool = False) -> None:
    """Print predictions a line each, tab-separated under their names, or as JSON lines."""
    if as_json:
        for row in values:
            print(json.dumps(dict(row), ensure_ascii=False))
        return
    print("\t".join(values[0]))
    for row in values:
        cells = (
            f"{v:.4f}" if isinstance(v, float) else " ".join(str("" if v is None else v).split())
            for v in row.values()
        )
        print("\t".join(cells))


def memory(outcomes: "Iterable[Outcome]", out: Path | None, *, as_json: bool = False) -> None:
    """Print who remembers how far as it comes, and what that says of the prediction."""
    from elman.bench import memory

    kept = []
    for each in outcomes:
        kept.append(each)
        if as_json:
            print(json.dumps(each.row()), flush=True)
        else:
            known = f"memory {each.predicted:.0f}, then {each.memory:.0f} of {each.steps} steps"
            metric = f"{'error' if each.task == 'adding' else 'accuracy'} {each.metric:.4g}"
            name = f"{each.task}  lag {each.lag}  {each.contender}"
            print(f"{name}: {known}, score {each.score:.3f} ({metric})", flush=True)
    if out is not None:
        write_page(out, memory.page(kept))
    if as_json:
        return
    table = Table("task", "cell", "solved up to a lag of")
    for (task, name), lag in memory.reached(kept).items():
        table.add_row(task, name, str(lag or "none"))
    _print(table)
    print(memory.correlations(kept))
    if out is not None:
        print(f"the page is {out}")


def datasets() -> None:
    """Print every dataset's name, title and whether it is at hand."""
    table = Table("name", "what it is", "at hand")
    for name in elman.data.dataset_names():
        known = elman.data.get(name)
        table.add_row(name, known.title, "yes" if elman.data.at_hand(known) else "no")
    _print(table)


def dataset(known: Dataset) -> None:
    """Print what is known of a dataset."""
    print(f"{known.name}: {known.title}\nlicence: {known.licence}\nto be named as:")
    for reference in known.references:
        print(f"  {reference}")
    print("files:")
    for file in islice(known.files, MOST_FILES):
        print(f"  {file}  {known.urls.get(file, 'no address known')}")
    if len(known.files) > MOST_FILES:
        print(f"  and {len(known.files) - MOST_FILES:,} more")


def info() -> None:
    """Print versions, threads, backends, cells and tasks."""
    table = Table("what", "here", show_header=False)
    python = f"{platform.python_version()}, {platform.system()} {platform.machine()}"
    table.add_row("elman", __version__)
    table.add_row("torch", f"{torch.__version__}, {torch.get_num_threads()} threads")
    table.add_row("python", python)
    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    table.add_row("GPU", cuda)
    for name, backend in elman.backends().items():
        state = "yes" if backend.available else "no"
        table.add_row(f"backend {name}", f"{state}: {backend.note}")
    table.add_row("cells", ", ".join(BUILTIN))
    table.add_row("tasks", ", ".join(TASKS))
    table.add_row("kernel cache", cache.describe())
    table.add_row("data cache", str(elman.data.cache_folder()))
    _print(table)


def _print(table: Table) -> None:
    width = None if sys.stdout.isatty() else 100
    Console(width=width, highlight=False).print(table)
