"""Finds the files of a dataset: `$ELMAN_DATA`, then the user's cache, then a download."""

import os
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import platformdirs

from elman.data.datasets.dataset import Dataset
from elman.errors import DataError
from elman.files import sha256, write_atomic

_checked: dict[tuple[Path, int, int], str] = {}


def cache_folder() -> Path:
    """Where downloaded datasets are kept: `data` in the user's cache folder of elman."""
    return platformdirs.user_cache_path("elman") / "data"


def fetch(dataset: Dataset, files: Iterable[str] | None = None) -> list[Path]:
    """The paths of a dataset's files, each checked against its SHA-256.

    Each file is looked for in `$ELMAN_DATA/<name>/` and in the user's cache; what neither has is
    downloaded to the cache.

    **Arguments:**

    - `dataset`: from `elman.data.get`.
    - `files`: relative paths as in `dataset.files`; all by default.

    Raises `DataError` when a file is damaged or cannot be had.
    """
    _check_dataset(dataset)
    with _Archives() as archives:
        wanted = dataset.files if files is None else files
        return [_fetch_one(dataset, file, archives) for file in wanted]


def at_hand(dataset: Dataset) -> bool:
    """Whether all files of a dataset are on this machine, unchecked: nothing is downloaded."""
    _check_dataset(dataset)
    folders = _folders(dataset)
    return all(any((folder / file).is_file() for folder in folders) for file in dataset.files)


def _check_dataset(dataset: Dataset) -> None:
    if not isinstance(dataset, Dataset):
        raise DataError(
            f"dataset must be one that elman.data.get gives, got {type(dataset).__name__}"
        )


def _fetch_one(dataset: Dataset, file: str, archives: "_Archives") -> Path:
    for folder in _folders(dataset):
        path = folder / file
        if path.is_file():
            _check(path, dataset.files[file])
            return path
    path = cache_folder() / dataset.name / file
    _download(dataset, file, path, archives)
    return path


def _folders(dataset: Dataset) -> list[Path]:
    own = os.environ.get("ELMAN_DATA")
    roots = [Path(own)] if own else []
    return [root / dataset.name for root in (*roots, cache_folder())]


def _check(path: Path, expected: str) -> None:
    """Compares the content with the hash; the verdict holds while size and time stay the same."""
    state = path.stat()
    key = (path.resolve(), state.st_size, state.st_mtime_ns)
    if key not in _checked:
        _checked[key] = sha256(path)
    if _checked[key] != expected:
        raise DataError(
            f"{path} is damaged: expected SHA-256 {expected}, found {_checked[key]}; "
            "delete it to have it downloaded again"
        )


def _download(dataset: Dataset, file: str, target: Path, archives: "_Archives") -> None:
    place = f"$ELMAN_DATA/{dataset.name}/{file}"
    by_hand = f"or put the file at {place} yourself"
    url, _, member = dataset.urls.get(file, "").partition("#")
    if not url:
        raise DataError(
            f"{file} of {dataset.name} cannot be downloaded automatically: "
            f"get the dataset from its publisher and put the file at {place}"
        )

    def save(temporary: Path) -> None:
        if member:
            archives.extract(url, member, temporary)
        else:
            _get(url, temporary)
        if (found := sha256(temporary)) != dataset.files[file]:
            raise DataError(
                f"the content of {file} from {url} is not the expected one: "
                f"SHA-256 {dataset.files[file]} expected, {found} found; try again {by_hand}"
            )

    try:
        write_atomic(target, save)
    except OSError as error:
        raise DataError(
            f"cannot download {file} from {url}: {error}; try again {by_hand}"
        ) from error


def _get(url: str, path: Path) -> None:
    import pooch

    downloader = pooch.HTTPDownloader(
        progressbar=_Progress(url) if sys.stderr.isatty() else False, chunk_size=1 << 16
    )
    downloader(url, str(path), None)


class _Archives:
    """Zip and tar archives, each downloaded once however many of its members are asked for."""

    def __init__(self) -> None:
        self._kept = ExitStack()
        self._members: dict[str, Callable[[str], IO[bytes] | None]] = {}

    def __enter__(self) -> "_Archives":
        return self

    def __exit__(self, *_: object) -> None:
        self._kept.close()

    def extract(self, url: str, member: str, target: Path) -> None:
        """Copy the content of one member, by its exact name: nothing else is ever written."""
        try:
            if url not in self._members:
                self._members[url] = self._opened(url, target.parent)
            content = self._members[url](member)
            if content is None:
                raise KeyError(member)
            with content, target.open("wb") as file:
                shutil.copyfileobj(content, file)
        except (KeyError, tarfile.TarError, zipfile.BadZipFile) as error:
            raise DataError(f"the archive does not hold {member}: {error}") from error

    def _opened(self, url: str, folder: Path) -> Callable[[str], IO[bytes] | None]:
        path = Path(self._kept.enter_context(TemporaryDirectory(dir=folder))) / "archive"
        _get(url, path)
        if zipfile.is_zipfile(path):
            return self._kept.enter_context(zipfile.ZipFile(path)).open
        return self._kept.enter_context(tarfile.open(path)).extractfile


class _Progress:
    """What pooch asks of a progress bar, drawn by rich on standard error."""

    total: int

    def __init__(self, url: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

        self.bar = Progress(
            "{task.description}",
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=Console(stderr=True),
        )
        self.task: Any = None
        self.name = url.rpartition("/")[2]

    def update(self, size: int) -> None:
        if self.task is None:
            self.bar.start()
            self.task = self.bar.add_task(self.name, total=self.total or None)
        self.bar.advance(self.task, size)

    def reset(self) -> None:
        if self.task is not None:
            self.bar.reset(self.task)

    def close(self) -> None:
        self.bar.stop()
