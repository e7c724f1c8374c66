import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def dataset_root() -> Path:
    """The folder of the real datasets; tests that need it skip without it."""
    root = os.environ.get("ELMAN_DATA")
    if not root:
        pytest.skip("ELMAN_DATA is not set: the real datasets are not at hand")
    if not Path(root).is_dir():
        pytest.fail(f"ELMAN_DATA={root} is not a folder")
    return Path(root)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """With the datasets at hand, a test that needs them may not be skipped."""
    report = yield
    if report.skipped and item.get_closest_marker("data") and os.environ.get("ELMAN_DATA"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped although ELMAN_DATA is set: {report.longrepr}"
    return report
