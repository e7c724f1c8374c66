"""That benchmarks/start.py measures what it says; how long it takes is not looked at."""

import importlib.util
from pathlib import Path

PATH = Path(__file__).parents[2] / "benchmarks" / "start.py"
spec = importlib.util.spec_from_file_location("start", PATH)
start = importlib.util.module_from_spec(spec)
spec.loader.exec_module(start)


def test_import_and_kernels_are_timed() -> None:
    assert start.of_import(processes=1) > 0
    assert min(start.of_kernels("rnn", processes=1)) > 0
