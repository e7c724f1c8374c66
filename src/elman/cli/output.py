"""What the command line prints: tables for people, JSON for programs."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from elman.files import json_text
from elman.tasks import comparison as beside_baselines
from elman.tasks.commands import Note, Part, Rows
from elman.tasks.formats import json_line
from elman.tasks.registry import commands_of

if TYPE_CHECKING:
    from elman.bench.memory import Outcome as Memory
    from elman.data import Dataset
    from elman.diagnose import Diagnosis
    from elman.scale import Outcome
    from elman.tasks import Task
    from elman.tasks.significance import Difference

MOST_FILES = 50


def parts(given: Iterable[Part], *, as_json: bool) -> None:
    """Print what a task gives, each part as it arrives."""
    for part in given:
        match part:
            case str():
                sys.stdout.write(part)
                sys.stdout.flush()
            case Rows():
                rows(part.values, as_json=as_json)
            case Note():
                print(part.text, file=sys.stderr)
            case Table():
                _print(part)
            case _:
                metrics(part, as_json=as_json)


def trained(task: "Task", out: Path) -> None:
    """Print what training came to and what to do next."""
    training = task.record["training"]
    print(
        f"{training['stopped_because']} after {training['steps']} steps,"
        f" {training['seconds']:.0f} s; the weights of step {training['best_step']} are kept"
    )
    metrics(task.record["metrics"], title="on the validation data")
    for each in beside_baselines.together(task.record):
        print(each)
    for row in task.record.get("baselines", ()):
        print(beside_baselines.line(row))
    if training.get("still_improving"):
        print(
            "the validation metric still improved in the last quarter: train longer, by --preset"
            f" best, --epochs, or another run with --from {out}"
        )
    can_generate = commands_of(task.name).generate is not None
    more = " and elman generate --help" if can_generate else ""
    if task.report_page is not None:
        print(f"the report is {task.report_page}")
    print(f"the model is in {out}: see elman predict --help{more}")


def predicted(outcome: "Outcome", out: Path) -> None:
    """Print what was predicted for files, and what was not."""
    for path in outcome.changed:
        print(f"{path} has changed since, and is predicted again")
    before = f"; done before: {outcome.done_before:,}" if outcome.done_before else ""
    print(f"files predicted in {out}: {outcome.files:,}, their rows: {outcome.rows:,}{before}")
    if outcome.errors:
        count = f"{outcome.errors:,}"
        print(f"rows without an answer: {count}; the column error says why", file=sys.stderr)


def metrics(
    values: Mapping[str, float], *, as_json: bool = False, title: str | None = None
) -> None:
    """Print metrics by name."""
    if as_json:
        print(json_text(dict(values)))
        return
    table = Table("metric", "value", title=title)
    for name, value in values.items():
        table.add_row(name.replace("_", " "), f"{value:.4f}")
    _print(table)


def comparison(
    found: "Sequence[Difference]", model: str, other: str, *, as_json: bool = False
) -> None:
    """Print the metrics of two models and the p values of their differences."""
    from elman.tasks.significance import SIGNIFICANT

    if as_json:
        rows([asdict(each) for each in found], as_json=True)
        return
    table = Table("metric", model, other, "p of the difference")
    for each in found:
        name = each.metric.replace("_", " ")
        table.add_row(name, f"{each.own:.4f}", f"{each.other:.4f}", f"{each.p:.3f}")
    _print(table)
    for each in found:
        if each.note:
            print(f"{each.metric}: {each.note}", file=sys.stderr)
    print(f"a difference of p below {SIGNIFICANT} is unlikely to be due to chance", file=sys.stderr)


def diagnosis(found: "Diagnosis", page: Path) -> None:
    """Print what a diagnosis found and where its page is."""
    width = None if sys.stdout.isatty() else 100
    Console(width=width, highlight=False).print(found.summary())
    print(f"the page is {page}")


def rows(values: Sequence[Mapping[str, Any]], *, as_json: bool = False) -> None:
    """Print predictions a line each, tab-separated under their names, or as JSON lines."""
    if as_json:
        for row in values:
            sys.stdout.write(json_line(row))
        return
    print("\t".join(values[0]))
    for row in values:
        cells = (
            f"{v:.4f}" if isinstance(v, float) else " ".join(str("" if v is None else v).split())
            for v in row.values()
        )
        print("\t".join(cells))


def memory(outcomes: "Iterable[Memory]", out: Path | None, *, as_json: bool = False) -> None:
    """Print who remembers how far as it arrives, and what that says of the prediction."""
    from elman.bench import memory
    from elman.html import write_page

    kept = []
    for each in outcomes:
        kept.append(each)
        if as_json:
            print(json_text(each.row()), flush=True)
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
    import elman.data

    table = Table("name", "what it is", "at hand")
    for name in elman.data.dataset_names():
        known = elman.data.get(name)
        table.add_row(name, known.title, "yes" if elman.data.at_hand(known) else "no")
    _print(table)


def dataset(known: "Dataset") -> None:
    """Print what is known of a dataset."""
    print(f"{known.name}: {known.title}\nlicence: {known.licence}\nto be named as:")
    for reference in known.references:
        print(f"  {reference}")
    print("files:")
    for file in islice(known.files, MOST_FILES):
        print(f"  {file}  {known.urls.get(file, 'no address known')}")
    if len(known.files) > MOST_FILES:
        print(f"  and {len(known.files) - MOST_FILES:,} more")


def _print(table: Table) -> None:
    width = None if sys.stdout.isatty() else 100
    Console(width=width, highlight=False).print(table)
