"""The models that are served, each of the newest version that its folder holds."""

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from elman.errors import ElmanError, SettingsError
from elman.folders import CONFIG
from elman.messages import shown
from elman.serve.batcher import Batcher
from elman.serve.errors import NO_SESSIONS, NOT_FOUND, ServerError
from elman.serve.metrics import Metrics
from elman.serve.settings import ServeSettings
from elman.tasks.load import load
from elman.tasks.messages import Messages
from elman.tasks.task import Task

_ENDS_WITHIN = 5.0  # seconds

Source: TypeAlias = "Path | str | Task"
Signature: TypeAlias = tuple[tuple[str, int, int, int], ...]
Runs: TypeAlias = "Sequence[Source] | Mapping[str, Source]"


class Version:
    """A loaded model with its compute thread; it ends when it is replaced and unused."""

    def __init__(self, name: str, task: Task, settings: ServeSettings, metrics: Metrics) -> None:
        self.name, self.task = name, task
        self.messages: Messages = task.messages(task)
        self.batcher = Batcher(name, settings.batch, settings.wait_ms, metrics)
        self.no_sessions: str | None = None
        try:
            self.messages.session({}, None)
        except ElmanError as error:
            self.no_sessions = str(error)
        self._users, self._replaced = 0, False

    def check_sessions(self) -> None:
        """`ServerError` where the model has no sessions."""
        if self.no_sessions is not None:
            raise ServerError(NO_SESSIONS, f"the model {self.name}: {self.no_sessions}")

    def __enter__(self) -> "Version":
        self._users += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._users -= 1
        self._end()

    def replace(self) -> None:
        """No new users come; the thread ends with the last one."""
        self._replaced = True
        self._end()

    def _end(self) -> None:
        if self._replaced and not self._users:
            self.batcher.close()


class Models:
    """Models by name, loaded at once; `reload` reads again those whose folder changed.

    **Arguments:** `runs`: folders, whose last part is the model's name, or `name=folder`, or tasks
    that are trained already; or any of them by name.
    """

    def __init__(self, runs: Runs, settings: ServeSettings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._folders: dict[str, Path] = {}
        self._seen: dict[str, Signature | None] = {}
        self._configs: dict[str, bytes] = {}  # of what is served, with hashes of the other files
        self._current: dict[str, Version] = {}
        for name, source in named(runs):
            if isinstance(source, Task):
                task = source
            else:
                self._folders[name] = Path(source)
                self._seen[name] = _signature(Path(source))
                self._configs[name] = _config(Path(source))
                task = load(source)
            self._current[name] = Version(name, task, settings, metrics)

    def __iter__(self) -> Iterator[Version]:
        return iter(self._current.values())

    def __getitem__(self, name: str) -> Version:
        if name not in self._current:
            known = ", ".join(self._current)
            raise ServerError(NOT_FOUND, f"there is no model {shown(name)}; there are {known}")
        return self._current[name]

    async def reload(self) -> None:
        """Load those whose folder changed; while one cannot be loaded, the old one stays."""
        for name, folder in self._folders.items():
            seen = await asyncio.to_thread(_signature, folder)
            if seen is None or seen == self._seen[name]:
                continue
            self._seen[name] = seen
            config = await asyncio.to_thread(_config, folder)
            if config == self._configs[name]:  # a new one comes last
                continue
            try:
                task = await asyncio.to_thread(load, folder)
                version = await asyncio.to_thread(
                    Version, name, task, self._settings, self._metrics
                )
            except ElmanError:
                self._metrics.reloads.labels(name, "failed").inc()
                continue
            self._configs[name] = config
            self._metrics.reloads.labels(name, "loaded").inc()
            old, self._current[name] = self._current[name], version
            old.replace()

    def close(self) -> None:
        """End all compute threads, and wait some seconds for those that compute."""
        for version in self._current.values():
            version.batcher.close()
        for version in self._current.values():
            version.batcher.join(_ENDS_WITHIN)


def named(runs: Runs) -> list[tuple[str, Source]]:
    """The sources by name; SettingsError where two have the same.

    >>> named(["runs/a", "b=runs/other"])
    [('a', 'runs/a'), ('b', 'runs/other')]
    """
    if isinstance(runs, Mapping):
        pairs = list(runs.items())
    elif isinstance(runs, list | tuple):
        pairs = [_named(source) for source in runs]
    else:
        raise SettingsError(f"runs must be a list of model folders, got {shown(runs)}")
    if not pairs:
        raise SettingsError("there is no model to serve: name the folder of one")
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(
                f"two models are called {name}: give them names of their own, NAME=FOLDER"
            )
        if not name or not all(c.isalnum() or c in "._-" for c in name):
            raise SettingsError(
                f"{shown(name)} is no name of a model: letters, digits, '.', '_' and '-' are"
            )
    return pairs


def _named(source: Source) -> tuple[str, Source]:
    if isinstance(source, Task):
        return source.name, source
    name, equals, folder = str(source).partition("=")
    if equals and "/" not in name:
        return name, folder
    return Path(os.path.abspath(source)).name, source  # noqa: PTH100 - of ".", too


def _config(folder: Path) -> bytes:
    """The configuration; empty where there is none."""
    try:
        return (folder / CONFIG).read_bytes()
    except OSError:
        return b""


def _signature(folder: Path) -> Signature | None:
    """What changes when a model is saved or copied again: names, times and sizes of the files; None
    while there is no configuration, which is the last to be replaced."""
    try:
        with os.scandir(folder) as entries:
            files = [(each.name, each.stat()) for each in entries if each.is_file()]
    except OSError:
        return None
    if all(name != CONFIG for name, _ in files):
        return None
    return tuple(sorted((name, s.st_mtime_ns, s.st_ino, s.st_size) for name, s in files))
