"""The record of a run: metrics.jsonl, and TensorBoard's event files as an extra."""

import json
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from elman.errors import SettingsError
from elman.files import json_text, write_atomic, writing

METRICS = "metrics.jsonl"


class MetricsLog:
    """Appends one JSON object a line to `folder`/metrics.jsonl; without a folder, does nothing.

    A resumed run keeps the first `lines` lines, those that its checkpoint knows of, and drops
    what the killed process wrote after it. Numbers that JSON cannot hold (NaN, infinity) are null.
    """

    def __init__(self, folder: Path | None, *, lines: int, step: int, tensorboard: bool) -> None:
        self.lines = 0
        self._file = None
        self._writer: Any = None
        if folder is None:
            if tensorboard:
                raise SettingsError("tensorboard=True needs a folder to write to")
            return
        if tensorboard:
            self._writer = _tensorboard_writer(folder / "tensorboard", step)
        self._path = path = folder / METRICS
        kept = _first_lines(path, lines)
        write_atomic(path, "".join(kept))
        self.lines = len(kept)
        with writing(path):
            self._file = path.open("a", encoding="utf-8")

    def write(self, kind: str, values: Mapping[str, float | int | bool | str | None]) -> None:
        """Add a line; `values` holds at least "step"."""
        if self._file is not None:
            with writing(self._path):
                self._file.write(json_text({"kind": kind, **values}) + "\n")
                self._file.flush()
            self.lines += 1
        if self._writer is not None:
            for key, value in values.items():
                if key != "step" and value is not None and not isinstance(value, str):
                    self._writer.add_scalar(f"{kind}/{key}", float(value), values["step"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            with suppress(OSError) if error is not None else writing(self._path):
                self._file.close()
        if self._writer is not None:
            self._writer.close()


def is_log(path: Path) -> bool:
    """Whether a file is such a record, by its first line."""
    try:
        with path.open(encoding="utf-8") as file:
            line = file.readline(10**6)
        first = json.loads(line) if line else {"kind": "", "step": 0}
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(first, dict) and {"kind", "step"} <= first.keys()


def _first_lines(path: Path, count: int) -> list[str]:
    """The first whole lines of a log; fewer where it is cut short or is no longer text."""
    if not count:
        return []
    try:
        with path.open(encoding="utf-8") as file:
            return [line for line in islice(file, count) if line.endswith("\n")]
    except (OSError, UnicodeDecodeError):
        return []


def _tensorboard_writer(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise SettingsError(
            "tensorboard=True needs the package tensorboard: pip install 'elman[tensorboard]'"
        ) from error
    return SummaryWriter(str(folder), purge_step=step + 1)
