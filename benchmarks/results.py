"""What the tasks reach on real data, by the very commands of docs/classify.md and language.md.

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

DOCS = Path(__file__).parents[1] / "docs"
PAGES = [DOCS / "classify.md", DOCS / "language.md"]


class Run(NamedTuple):
    title: str
    metric: str


RUNS = {
    "sst2": Run("SST-2, sentiment, test accuracy", "accuracy"),
    "snips": Run("Snips, intents, accuracy", "accuracy"),
    "vowels": Run("JapaneseVowels, speakers, test accuracy", "accuracy"),
    "digits": Run("Spoken digits, from WAV to label, test accuracy", "accuracy"),
    "shakespeare": Run("Tiny Shakespeare, validation nats per character", "loss"),
}


def commands(name: str) -> dict[str, list[str]]:
    """The words of the pages' commands for a run: by `train`, `evaluate`, ..."""
    text = "".join(page.read_text("utf-8") for page in PAGES)
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
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
    return metrics[RUNS[name].metric], minutes


def main() -> None:
    if "ELMAN_DATA" not in os.environ:
        print("ELMAN_DATA is not set: the datasets will be downloaded", file=sys.stderr)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[1:] or RUNS:
            value, minutes = measure(name, Path(folder))
            rows.append(f"| {RUNS[name].title} | **{value:.4f}** | {minutes:.1f} min |")
    print("| | result | training time |\n|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
