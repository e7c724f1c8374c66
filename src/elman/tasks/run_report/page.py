"""A run's report put together: the sections that all tasks share, and the task's own."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from elman import html
from elman.tasks.plan import time_words
from elman.tasks.run_report import advice, curves, gradient, result
from elman.tasks.run_report.run import Maker, Own, Run
from elman.version import __version__

if TYPE_CHECKING:
    from elman.tasks.task import Task


def write(task: "Task", train: Any, held_out: Any, path: Path) -> Path | None:
    """Write the report of a run into its folder; the path, None where that fails.

    The model is saved already: a section that fails is left out with a warning, and so is a page
    that cannot be written. Neither the weights nor torch's random numbers are changed.
    """
    run = Run(task, train, held_out, path.parent)
    problems: list[str] = []
    written: Path | None = None
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")  # of fonts, of data: training has given its own
        try:
            written = html.write_page(path, _page(run, problems))
        except Exception as error:
            problems.append(f"it is not written: {_reason(error)}")
    for problem in problems:
        warnings.warn(f"{path}: {problem}", stacklevel=4)
    return written


def _page(run: Run, problems: list[str]) -> str:
    task = run.task
    try:
        own: Own = task.report_parts(run.train, run.held_out)
    except Exception as error:
        problems.append(f"the sections of the task are missing: {_reason(error)}")
        own = Own()
    makers: Mapping[str, Maker] = {
        "Result": lambda: result.parts(run),
        "What to try next": lambda: advice.parts(run, _advice(own, problems)),
        "Training": lambda: curves.parts(run),
        **own.sections,
        "Gradient through time": lambda: gradient.parts(run),
        "Plan and settings": lambda: result.settings(run),
    }
    title = f"{task.name}: {task.description()}"
    sections = list(_sections(makers, problems))
    return html.page(title, sections, lead=_lead(run), generator="elman train")


def _sections(makers: Mapping[str, Maker], problems: list[str]) -> Iterator[html.Section]:
    for title, make in makers.items():
        parts: Sequence[str]
        try:
            parts = make()
        except Exception as error:  # whatever it is, the other sections are worth having
            problems.append(f"the section {title!r} is left out: {_reason(error)}")
            parts = [html.text(f"This section could not be made: {_reason(error)}")]
        if parts:
            yield html.Section(title, parts)


def _advice(own: Own, problems: list[str]) -> Sequence[str]:
    try:
        return own.advice()
    except Exception as error:
        problems.append(f"the task's advice is left out: {_reason(error)}")
        return ()


def _lead(run: Run) -> str:
    training = run.task.record["training"]
    parameters = sum(p.numel() for p in run.task.model.parameters())
    return (
        f"A training run of {training['steps']:,} steps in {time_words(training['seconds'])}:"
        f" {parameters:,} parameters, elman {__version__}, torch {torch.__version__}."
    )


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
