"""Results of one command without settings, next to a baseline and to settings chosen by hand.

    ELMAN_DATA=their/folder python benchmarks/first_time.py [--budget 5m] [NAME ...]

trains on each dataset as a new user would, `elman train TASK --data ...`, and prints a table. Where
a dataset has a test part, the model and the baselines, which learn from the same training data, are
measured on it; else on the validation part that training held out. "chosen settings": the results
in docs/classify.md, docs/speech.md and docs/forecast.md with settings chosen for the dataset.

`--share 0.1` trains classifiers on a tenth of their examples, `--cross` on labels that are crossed
with the length of the text, about ten times as many.

"estimated / actual" divides the time that training estimated before its first step, for the number
of steps that it made, by the time they took. In brackets is the same for the estimate after a tenth
of the steps, for runs that made all planned steps.
"""

import csv
import os
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cyclopts import App

import elman
from elman.data import read_examples

HIGHER = ("accuracy", "bleu")


@dataclass(frozen=True)
class Case:
    """A dataset: `flags` are what a user must say of it."""

    task: str
    train: str
    test: str | None = None
    metric: str = "accuracy"
    expert: float | None = None
    flags: tuple[str, ...] = ()
    budget: str | None = None


UEA = "mv_uea_small"
CASES = {
    "sst2": Case("classify", "text_sst2:train", "text_sst2:test", expert=0.8353),
    "snips": Case("classify", "text_snips:train", "text_snips:validation", expert=0.9843),
    "sentences": Case("classify", "text_sentiment_labelled"),
    "vowels": Case(
        "classify", f"{UEA}/JapaneseVowels:train", f"{UEA}/JapaneseVowels:test", expert=0.9811
    ),
    "motions": Case("classify", f"{UEA}/BasicMotions:train", f"{UEA}/BasicMotions:test"),
    "digits": Case("classify", "sp_fsdd:train", "sp_fsdd:test", expert=0.99),
    "origins": Case("classify", "lm_names/by_language"),
    "shakespeare": Case(
        "language", "lm_tinyshakespeare:train", "lm_tinyshakespeare:validation", "loss", 1.4992
    ),
    "tang": Case("language", "lm_tang_poems", None, "loss"),
    "names": Case("language", "lm_names/names", None, "loss"),
    "an4": Case("speech", "sp_an4_mfcc:train", "sp_an4_mfcc:test", "wer", 0.0789, (), "15m"),
    "bike": Case("forecast", "fc_bike_sharing/hour", None, "mase", None, ("--horizon", "24")),
    "etth1": Case("forecast", "fc_etth1", None, "mase", None, ("--horizon", "24")),
    "m4": Case("forecast", "fc_m4_hourly:train", None, "mase", None, ("--horizon", "48")),
    "tatoeba": Case(
        "translate",
        "mt_tatoeba_eng_cmn:train",
        "mt_tatoeba_eng_cmn:test",
        "bleu",
        None,
        ("--source", "english", "--target", "chinese", "--chinese", "simplified"),
        "15m",
    ),
    "passengers": Case(
        "forecast", "fc_small_series/passengers", None, "mase", None, ("--horizon", "12")
    ),
}
app = App(help=__doc__)


@dataclass(frozen=True)
class Row:
    """The result of a case."""

    name: str
    metric: str
    value: float
    baseline: float | None
    by: str
    expert: float | None
    seconds: float
    plan: str
    estimate: str

    @property
    def line(self) -> str:
        known = [f"{x:.4f}" if x is not None else "" for x in (self.baseline, self.expert)]
        return (
            f"| {self.name} | {self.metric} | **{self.value:.4f}** | {known[0]} {self.by} |"
            f" {known[1]} | {self.seconds / 60:.1f} min | {self.estimate} |"
        )


class Watch:
    """The lines that a training prints, with their times; they are passed on."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self.lines: list[tuple[float, str]] = []
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=pipe, text=True
        ) as process:
            for line in process.stderr or ():
                self.lines.append((time.monotonic(), line))
                print(line, end="", file=sys.stderr, flush=True)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)

    def estimate(self, steps: int, seconds: float) -> str:
        """The estimated time divided by the actual one, of a run of so many steps and seconds."""
        said = re.compile(r"Time: ([\d,]+) steps in about ([\d.]+) (s|min|h) on")
        starts = [(at, found) for at, line in self.lines if (found := said.match(line))]
        if not starts:
            return ""
        began, found = starts[0]
        planned = int(found[1].replace(",", ""))
        whole = float(found[2]) * {"s": 1, "min": 60, "h": 3600}[found[3]]
        text = f"{whole * steps / planned / seconds:.2f}"
        left = re.compile(r"step (\d+)/(\d+) .* (\d+):(\d\d):(\d\d) left")
        for at, line in self.lines:
            found = left.match(line)
            if found and int(found[1]) >= planned / 10 and abs(steps - planned) <= 0.02 * planned:
                hours, minutes, rest = (int(found[i]) for i in (3, 4, 5))
                total = at - began + 3600 * hours + 60 * minutes + rest
                return f"{text} ({total / seconds:.2f})"
        return text


def measure(name: str, case: Case, budget: str, folder: Path, share: float, cross: bool) -> Row:
    """Train by the command line, and compare."""
    train = case.train
    if case.task == "classify" and (share < 1 or cross):
        train = str(_changed(case.train, folder / f"{name}.csv", share, cross))
    out, budget = folder / name, case.budget or budget
    words = ["train", case.task, "--data", train, *case.flags, "--budget", budget]
    began = time.monotonic()
    command = [sys.executable, "-m", "elman.cli", *words, "--out", str(out)]
    watch = Watch(command, folder)
    seconds = time.monotonic() - began
    model = elman.load(out)
    training = model.record["training"]
    estimate = watch.estimate(training["steps"], training["seconds"])
    plan = "; ".join(model.record.get("plan", ()))
    if case.task == "forecast":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            report = model.report(case.train)
        by, value = min(
            ((rule, metrics[case.metric]) for rule, metrics in report.baselines.items()),
            key=lambda each: each[1],
        )
        own = report.metrics[case.metric]
        return Row(name, case.metric, own, value, by, case.expert, seconds, plan, estimate)
    if case.test is None or cross:
        own = model.record["metrics"][case.metric]
        rows = [(row["name"], row["baseline"]) for row in model.record.get("baselines", ())]
    else:
        own = model.report(case.test).metrics[case.metric]
        parts = [model.read(each, labelled=True) for each in (train, case.test)]
        rows = [(each.name, each.metrics[case.metric]) for each in model.baselines(*parts)]
    best = max if case.metric in HIGHER else min
    by, value = best(rows, key=lambda each: each[1], default=("", None))
    return Row(name, case.metric, own, value, by, case.expert, seconds, plan, estimate)


def _changed(name: str, path: Path, share: float, cross: bool) -> Path:
    """A table of texts with a part of a dataset's examples, or with other labels."""
    examples = read_examples(name)
    if share < 1:
        examples = examples.split(share, 0)[1]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for text, label in zip(examples.inputs, examples.labels or (), strict=True):
            words = min(len(str(text).split()), 30) // 3
            writer.writerow([text, f"{label}/{words}" if cross else label])
    return path


def _chosen(names: tuple[str, ...]) -> Iterator[tuple[str, Case]]:
    for name in names or CASES:
        yield name, CASES[name]


@app.default
def main(*names: str, budget: str = "5m", share: float = 1.0, cross: bool = False) -> None:
    """Print the table of all cases, or of those that are named."""
    if "ELMAN_DATA" not in os.environ:
        print("ELMAN_DATA is not set: the datasets will be downloaded", file=sys.stderr)
    print("| | metric | one command | baseline | chosen settings | time | estimated / actual |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, case in _chosen(names):
            row = measure(name, case, budget, Path(folder), share, cross)
            print(row.line, flush=True)
            print(f"  {name}: {row.plan}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    app()
