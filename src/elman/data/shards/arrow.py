"""pyarrow, in which shards are written."""

from typing import Any

from elman.errors import SettingsError


def modules() -> tuple[Any, Any]:
    """`pyarrow` and `pyarrow.parquet`; SettingsError where they are not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise SettingsError("shards need pyarrow: pip install 'elman[scale]'") from None
    return pyarrow, pyarrow.parquet
