"""The command `elman serve`."""

import warnings
from typing import Annotated

from cyclopts import Parameter

from elman.errors import SettingsError
from elman.serve.settings import ServeSettings


def serve(
    *runs: Annotated[
        str,
        Parameter(
            help="Folders of models, or NAME=FOLDER; by default a model has the name of its folder."
        ),
    ],
    settings: Annotated[ServeSettings, Parameter(name="*")] = ServeSettings(),  # noqa: B008
) -> None:
    """Serve trained models."""
    try:
        from elman.serve.server import run
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"serve needs {error.name}, which is not installed: pip install 'elman[serve]'"
        ) from None
    warnings.simplefilter("ignore")  # of what clients send: it is not for the server's log
    run(list(runs), settings)
