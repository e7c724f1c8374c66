"""How much memory `elman train language` takes on a text file of a given size.

    python benchmarks/memory.py --megabytes 1000

writes the text (the standard library's own documentation, over and over), trains a few steps of a
character model on it, and prints the seconds to the first step and the peak of resident memory.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from pydoc_data.topics import topics


def write_text(path: Path, megabytes: int) -> None:
    block = "\n".join(topics.values()).encode()
    with path.open("wb") as file:
        written = 0
        while written < megabytes * 1_000_000:
            written += file.write(block)


def resident_megabytes(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1000
    return 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_text(folder / "text.txt", arguments.megabytes)
        command = [sys.executable, "-m", "elman.cli", "train", "language"]
        command += ["--data", str(folder / "text.txt"), "--out", str(folder / "run")]
        command += ["--max-steps", str(arguments.steps), "--log-every", "1", "--hidden-size", "64"]
        began, first_step, peak = time.monotonic(), None, 0.0
        with subprocess.Popen(command, env={"XDG_CACHE_HOME": name, "PATH": ""}) as process:
            while process.poll() is None:
                peak = max(peak, resident_megabytes(process.pid))
                log = folder / "run" / "metrics.jsonl"
                if first_step is None and log.exists() and log.stat().st_size:
                    first_step = time.monotonic() - began
                time.sleep(0.05)
        if process.returncode:
            sys.exit(process.returncode)
        total = time.monotonic() - began
        print(
            f"{arguments.megabytes} MB of text: first step after {first_step:.0f} s,"
            f" {arguments.steps} steps after {total:.0f} s, peak resident memory {peak:.0f} MB"
        )


if __name__ == "__main__":
    main()
