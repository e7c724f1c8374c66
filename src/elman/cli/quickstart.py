"""The command `elman quickstart`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def quickstart(
    *,
    out: Annotated[Path, Parameter(help="Folder for the models and the report.")] = Path(
        "quickstart"
    ),
) -> None:
    """Train three small models on real data."""
    from elman.quickstart import run

    run(out)
