import gc
import os

if "PYTEST_XDIST_WORKER" in os.environ:  # one thread a worker, set before torch asks for it
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import settings

from elman.compiler import cache

settings.register_profile("untimed", deadline=None)  # the first example may compile kernels
settings.load_profile("untimed")

# Tests with a cache of their own find the kernels all the same: to compile some takes seconds.
os.environ["ELMAN_CACHE"] = str(cache.folder().parent)


def pytest_collection() -> None:
    """Collecting makes hundreds of thousands of objects, and no garbage worth a search."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Modules and tests stay: the search for garbage passes them over from now on."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True, scope="session")
def _on_the_cpu() -> Iterator[None]:
    """The tests are the same on every machine: only those that ask for `gpu` see one."""
    if not torch.cuda.is_available():
        yield
        return
    torch.cuda.init()  # this process keeps the GPU; those that it starts see none
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: False)
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        yield


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """The GPU; a test that needs one skips without it."""
    if not torch.cuda.is_initialized():
        pytest.skip("there is no CUDA device")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    return torch.device("cuda")


@pytest.fixture(scope="session")
def dataset_root() -> Path:
    """The folder of the real datasets; tests that need it skip without it."""
    root = os.environ.get("ELMAN_DATA")
    if not root:
        pytest.skip("ELMAN_DATA is not set: the real datasets are not at hand")
    if not Path(root).is_dir():
        pytest.fail(f"ELMAN_DATA={root} is not a folder")
    return Path(root)


def tone(
    seconds: float = 0.3, rate: int = 8000, hertz: float = 440, size: float = 0.5
) -> np.ndarray:
    """A pure tone, (N,) float32."""
    time = np.arange(round(seconds * rate)) / rate
    return (size * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


@pytest.fixture(name="tone")
def _tone() -> Callable[..., np.ndarray]:
    return tone


@pytest.fixture
def write_sound(tmp_path: Path) -> Callable[..., Path]:
    """Write a file of sound, a tone by default, in the test's folder."""

    def write(name: str, samples: Any = None, rate: int = 8000, subtype: str | None = None) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = tone(rate=rate) if samples is None else samples
        soundfile.write(path, samples, rate, subtype=subtype)
        return path

    return write


@pytest.fixture
def bad_sounds(tmp_path: Path, write_sound: Callable[..., Path]) -> dict[str, Path]:
    """Files that no sound can be read from, by what the error says."""
    broken = tone()
    broken[[7, 9]] = np.nan, np.inf
    files = {
        "2 of 2400 samples are NaN": write_sound("nan.wav", broken, subtype="FLOAT"),
        "holds no samples": write_sound("none.wav", np.zeros(0, np.float32)),
        "is not audio": tmp_path / "text.wav",
        "is empty": tmp_path / "empty.wav",
        "no such file": tmp_path / "nowhere.wav",
    }
    files["is not audio"].write_text("this is no sound, whatever its name says\n" * 20)
    files["is empty"].write_bytes(b"")
    return files


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """With the datasets at hand, a test that needs them may not be skipped."""
    report = yield
    if report.skipped and item.get_closest_marker("data") and os.environ.get("ELMAN_DATA"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped although ELMAN_DATA is set: {report.longrepr}"
    return report
