import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def dataset_root() -> Path:
    """The folder of the real datasets; tests that need it skip without it."""
    root = os.environ.get("ELMAN_DATA")
    if not root:
        pytest.skip("ELMAN_DATA is not set: the real datasets are not at hand")
    return Path(root)
