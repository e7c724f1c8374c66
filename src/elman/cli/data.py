"""The commands `elman data`: datasets by name, and a check of one's own recordings."""

from typing import Annotated

from cyclopts import App, Parameter

import elman.data
from elman.cli import output

data_app = App(name="data", help="The datasets that elman knows by name.")


@data_app.command(name="list")
def data_list() -> None:
    """List the datasets, and which are at hand.

    Example: `elman data list`
    """
    output.datasets()


@data_app.command(name="show")
def data_show(name: Annotated[str, Parameter(help="A dataset's name.")], /) -> None:
    """Show what is known of a dataset: licence, files, what its parts are called.

    Example: `elman data show text_sst2`
    """
    output.dataset(elman.data.get(name))


@data_app.command(name="fetch")
def data_fetch(name: Annotated[str, Parameter(help="A dataset's name.")], /) -> None:
    """Fetch a dataset's files where they are not at hand, and check them.

    Example: `elman data fetch text_sst2`
    """
    for path in elman.data.fetch(elman.data.get(name)):
        print(path)


@data_app.command(name="check")
def data_check(
    source: Annotated[
        str, Parameter(help="A manifest, a folder of sound or a dataset, as sp_fsdd:train.")
    ],
    /,
    *,
    longest: Annotated[float, Parameter(help="Longest utterance allowed, in seconds.")] = 60.0,
    transcripts: Annotated[bool, Parameter(help="Look for what was said, too.")] = True,
    encoding: Annotated[
        str | None, Parameter(help="Encoding of the manifest; found in the file if not given.")
    ] = None,
    delimiter: Annotated[
        str | None,
        Parameter(help="What parts the manifest's fields, as ';' or tab; found if not given."),
    ] = None,
) -> None:
    """List the recordings that are broken, silent, clipped, too long or without their transcript.

    Example: `elman data check recordings.csv --longest 20`
    """
    utterances = elman.data.read_utterances(
        source,
        text="text" if transcripts else None,
        encoding=encoding,
        delimiter=delimiter,
    )
    found = elman.data.check_utterances(utterances, longest=longest, transcripts=transcripts)
    print(found.summary())
