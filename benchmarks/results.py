"""What the tasks reach on real data, by the very commands that docs/tasks.md shows.

    ELMAN_DATA=their/folder python benchmarks/results.py [sst2 snips vowels digits shakespeare]

runs the commands (all by default) in a new folder and prints the table that the README shows.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[1] / "docs" / "tasks.md"


class Goal(NamedTuple):
    title: str
    metric: str
    bound: float
    at_least: bool
    minutes: float

    def reached(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound


GOALS = {
    "sst2": Goal("SST-2, sentiment, test accuracy", "accuracy", 0.80, True, 5),
    "snips": Goal("Snips, intents, accuracy", "accuracy", 0.97, True, 5),
    "vowels": Goal("JapaneseVowels, speakers, test accuracy", "accuracy", 0.96, True, 5),
    "digits": Goal("Spoken digits, from WAV to label, test accuracy", "accuracy", 0.98, True, 8),
    "shakespeare": Goal("Tiny Shakespeare, validation nats a character", "loss", 1.55, False, 12),
}


def commands(name: str) -> dict[str, list[str]]:
    """The words of the page's commands for a run: by `train`, `evaluate`, ..."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    block = next(block for block in blocks if f"runs/{name}\n" in block or f"runs/{name} " in block)
    lines = [shlex.split(line) for line in block.replace("\\\n", " ").splitlines()]
    return {words[1]: words for words in lines if words[:1] == ["elman"]}


def run(words: list[str], folder: Path) -> str:
    command = [sys.executable, "-m", "elman.cli", *words[1:]]
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout


def measure(name: str, folder: Path) -> tuple[float, float]:
    """Train and evaluate: the metric and the minutes of training."""
    steps = commands(name)
    began = time.monotonic()
    run(steps["train"], folder)
    minutes = (time.monotonic() - began) / 60
    metrics = json.loads(run([*steps["evaluate"], "--json"], folder))
    return metrics[GOALS[name].metric], minutes


def main() -> None:
    if "ELMAN_DATA" not in os.environ:
        print("ELMAN_DATA is not set: the datasets will be downloaded", file=sys.stderr)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[1:] or GOALS:
            value, minutes = measure(name, Path(folder))
            goal = GOALS[name]
            sign = "≥" if goal.at_least else "≤"
            bound = f"{sign} {goal.bound:.2f} in {goal.minutes:.0f} min"
            rows.append(f"| {goal.title} | **{value:.4f}** | {minutes:.1f} min | {bound} |")
    print("| | reached | trained in | goal |\n|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
