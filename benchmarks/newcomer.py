"""How long a newcomer takes from a clone to a served model of a CSV file of their own.

    python benchmarks/newcomer.py [PAGE]

runs the commands that a page shows, the README by default, in a fresh folder, prints the seconds of
each and the answer of the service. It fails where a command does, or where there are more than ten.
"""

import csv
import json
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOST = 10
GOOD = (
    "worth every penny",
    "works as described",
    "a pleasure to use",
    "easy to set up",
    "we love it",
)
BAD = ("a waste of money", "hard to set up", "broke at once", "I sent it back", "not as described")
ENDINGS = ("", " again", " for us", " at last", " I would say", " this time", " so far", " really")


def commands(page: str) -> list[str]:
    """Those of a page from its installation to the first question to the service."""
    found: list[str] = []
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    clones = [i for i, block in enumerate(blocks) if block.startswith("git clone")]
    for block in blocks[clones[0] if clones else 0 :]:
        found += block.replace("\\\n", " ").splitlines()
        if found[-1].startswith("curl"):
            return found if clones else ["git clone REPOSITORY elman", "cd elman", *found]
    raise SystemExit("the page asks no service by curl")


def write_reviews(folder: Path) -> None:
    """The newcomer's files: reviews.csv to train on, more-reviews.csv to measure with."""
    rows = [(text + end, 5 if text in GOOD else 1) for text in GOOD + BAD for end in ENDINGS]
    random.Random(0).shuffle(rows)
    for name, part in (("reviews.csv", rows[:60]), ("more-reviews.csv", rows[60:])):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("review", "stars"), *part])


class Shell:
    """A terminal: commands run one after the other, in its folder and with its variables."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.variables = folder, dict(os.environ)

    def run(self, command: str) -> str:
        """Run a command that has to end well; gives its output."""
        after = self.folder / ".after"
        script = f"{command}\nstatus=$?\n(pwd; env -0) > {shlex.quote(str(after))}\nexit $status"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.variables,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{command}: ended with status {done.returncode}\n{done.stdout}")
        folder, _, variables = after.read_text().partition("\n")
        after.unlink()
        self.folder = Path(folder)
        self.variables = dict(each.split("=", 1) for each in variables.split("\0") if each)
        return done.stdout

    def start(self, command: str) -> subprocess.Popen[bytes]:
        """Start a command in a terminal of its own."""
        return subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=self.folder,
            env=self.variables,
            stdout=subprocess.DEVNULL,
        )


def wait(url: str, service: subprocess.Popen[bytes], seconds: float = 120) -> None:
    """Wait until the service answers at the address that is asked later."""
    host = re.match(r"https?://[^/]+", url)
    assert host is not None
    end = time.monotonic() + seconds
    while subprocess.run(["curl", "-sf", f"{host[0]}/readyz"], capture_output=True).returncode:
        if service.poll() is not None or time.monotonic() > end:
            raise SystemExit("the service does not answer")
        time.sleep(0.2)


def main() -> None:
    page = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "README.md"
    todo = commands(page.read_text("utf-8"))
    if len(todo) > MOST:
        raise SystemExit(f"{page}: {len(todo)} commands, more than {MOST}")
    service, whole = None, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        shell = Shell(Path(folder))
        try:
            for command in todo:
                began = time.monotonic()
                answer = ""
                if "reviews.csv" in command and not (shell.folder / "reviews.csv").exists():
                    write_reviews(shell.folder)
                if command.startswith("elman serve"):
                    service = shell.start(command)
                    url = re.search(r"http\S+", todo[-1])
                    wait(url[0] if url else "", service)
                else:
                    answer = shell.run(command.replace("REPOSITORY", shlex.quote(str(ROOT))))
                print(f"{time.monotonic() - began:7.1f} s  {command}", flush=True)
        finally:
            if service is not None:
                service.send_signal(signal.SIGTERM)
                service.wait(30)
    found = json.loads(answer)
    print(f"{time.monotonic() - whole:7.1f} s  in all, {len(todo)} commands; the answer:\n{answer}")
    assert all(each["error"] is None for each in found["predictions"]), answer


if __name__ == "__main__":
    main()
