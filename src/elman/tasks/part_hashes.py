"""Hashes of what a task learns from its data before it trains, to compare processes by."""

import hashlib
import tempfile
from pathlib import Path

from elman.files import json_text, sha256
from elman.tasks.protocols import Preprocessing


def hashes_of(preprocessing: Preprocessing) -> dict[str, str]:
    """SHA-256 of the configuration and of each file, by name."""
    config = json_text(preprocessing.to_config())
    found = {"preprocessing": hashlib.sha256(config.encode()).hexdigest()}
    with tempfile.TemporaryDirectory(prefix="elman-") as folder:
        for name, write in preprocessing.assets().items():
            path = Path(folder) / name
            write(path)
            found[name] = sha256(path)
    return found
