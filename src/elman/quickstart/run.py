"""Three models on data that is at hand anywhere, each against a trivial baseline."""

import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from elman.errors import FileError, Interrupted, SettingsError
from elman.files import is_leftover, writing
from elman.folders import claim, path_of
from elman.html import is_page, write_page
from elman.quickstart import lines, stocks, writer
from elman.quickstart.outcome import Outcome
from elman.quickstart.page import page, shown
from elman.tasks import Language
from elman.tasks.storage import MODEL_FILES
from elman.train import TrainingInterrupted

REPORT = "report.html"
MODELS = ("writer", "lines")
SAMPLE_SHOWN = 400  # characters


@dataclass(frozen=True)
class Effort:
    """How long each model is trained, in epochs, and on how many lines of each kind."""

    stocks: int = 16
    writer: int = 5
    lines: int = 3
    lines_per_class: int = 3000


def run(out: Path | str, effort: Effort = Effort(), *, progress: bool = True) -> None:
    """Train the three models, print how they do, and write them and a report page into `out`.

    Results of an earlier run in `out` are replaced. Raises `SettingsError` where `out` holds
    anything else.
    """
    out = path_of(out, "out")
    _check_folder(out)
    width = None if sys.stdout.isatty() else 100
    console = Console(width=width, highlight=False, markup=False, emoji=False)
    began = time.monotonic()
    try:
        with _one_thread():
            console.print("1/3  next month's stock prices")
            forecasts = stocks.train(effort.stocks, progress=progress)
            console.print("2/3  a model that writes documentation")
            written = writer.train(effort.writer, progress=progress)
            console.print("3/3  code, comment or prose?")
            told_apart = lines.train(effort.lines, effort.lines_per_class, progress=progress)
    except TrainingInterrupted as stop:  # there is no checkpoint to go on from
        raise Interrupted(stop.signum) from stop
    commands = _commands(out)
    write_page(out / REPORT, page(forecasts, written, told_apart, commands))
    written.task.save(out / "writer")
    told_apart.task.save(out / "lines")
    sample = written.sample[:SAMPLE_SHOWN].rstrip()
    console.print(f"\nThe second model writes:\n\n{sample} ...\n", soft_wrap=True)
    console.print(_table([forecasts.outcome, written.outcome, told_apart.outcome]))
    console.print(f"{time.monotonic() - began:.0f} s. The report: {out / REPORT}", soft_wrap=True)
    console.print("\nNow try:")
    for command in commands:
        console.print(f"  {command}", soft_wrap=True)
    console.print("\nAnd with a text of yours: elman train language --data YOUR.txt")


def _check_folder(out: Path) -> None:
    """Make the folder, before any work; refuse one that is not ours to write into."""
    try:
        with writing(out):
            out.mkdir(parents=True, exist_ok=True)
            held = any(not is_leftover(each.name) for each in out.iterdir())
        if held and not is_page(out / REPORT):
            raise FileError(f"{out} holds other files; name a folder that is new or empty")
        for name in MODELS if held else ():
            claim(out / name, [*MODEL_FILES, *Language.asset_names])
    except FileError as error:
        raise SettingsError(f"--out: {error}") from None


@contextmanager
def _one_thread() -> Iterator[None]:
    """Networks this small gain nothing from more, and the same seed then gives the same numbers."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _commands(out: Path) -> list[str]:
    model, classifier = shlex.quote(str(out / "writer")), shlex.quote(str(out / "lines"))
    return [
        f'elman generate {model} "The "',
        f'elman predict {classifier} "# a comment" "import os" "Return the number of items."',
    ]


def _table(outcomes: list[Outcome]) -> Table:
    table = Table("model", "measure", "network", "baselines", "verdict", show_lines=True)
    for each in outcomes:
        baselines = [f"{shown(each, v)}  {name}" for name, v in each.baselines.items()]
        network = shown(each, each.network)
        table.add_row(each.title, each.measure, network, "\n".join(baselines), each.verdict)
    return table
