"""The commands `elman data`: datasets by name, and a check of one's own files."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from cyclopts import App, Parameter

import elman.data
from elman.cli import output
from elman.errors import SettingsError
from elman.progress import stage

_LONGEST = 60.0

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


@dataclass(frozen=True)
class _Wanted:
    """What the command was told of the check."""

    longest: float | None
    transcripts: bool
    encoding: str | None
    delimiter: str | None


def _check_sound(source: str, wanted: _Wanted) -> str:
    utterances = elman.data.read_utterances(
        source,
        text="text" if wanted.transcripts else None,
        encoding=wanted.encoding,
        delimiter=wanted.delimiter,
    )
    longest = _LONGEST if wanted.longest is None else wanted.longest
    found = elman.data.check_utterances(utterances, longest=longest, transcripts=wanted.transcripts)
    return found.summary()


def _check_ink(source: str, wanted: _Wanted) -> str:
    for name in ("longest", "encoding", "delimiter"):
        if getattr(wanted, name) is not None:
            raise SettingsError(f"{source} holds handwriting: --{name} is of recordings")
    with warnings.catch_warnings():  # what is left out stands in the summary
        warnings.simplefilter("ignore")
        inks = elman.data.read_inks(source, labelled=None if wanted.transcripts else False)
    return elman.data.check_inks(inks).summary()


def _check_video(source: str, wanted: _Wanted) -> str:
    for name in ("longest", "encoding", "delimiter"):
        if getattr(wanted, name) is not None:
            raise SettingsError(f"{source} holds video: --{name} is of recordings")
    with warnings.catch_warnings():  # what is left out stands in the summary
        warnings.simplefilter("ignore")
        clips = elman.data.read_clips(source, labelled=None)
    with stage("decoding the clips", shown=True):
        return elman.data.check_clips(clips).summary()


# What a source may hold, in the order in which it is asked, and the check of it.
_CHECKS: tuple[tuple[Callable[[str], bool], Callable[[str, _Wanted], str]], ...] = (
    (lambda source: elman.data.holds_ink(source), _check_ink),
    (lambda source: elman.data.holds_clips(source), _check_video),
    (lambda _: True, _check_sound),
)


@data_app.command(name="check")
def data_check(
    source: Annotated[
        str,
        Parameter(
            help="A manifest, a folder or a file of sound, handwriting or video, or a dataset,"
            " as sp_fsdd:train."
        ),
    ],
    /,
    *,
    longest: Annotated[
        float | None,
        Parameter(help=f"Longest utterance allowed, in seconds; {_LONGEST:g} if not given."),
    ] = None,
    transcripts: Annotated[bool, Parameter(help="Look for what was said or written, too.")] = True,
    encoding: Annotated[
        str | None, Parameter(help="Encoding of the manifest; found in the file if not given.")
    ] = None,
    delimiter: Annotated[
        str | None,
        Parameter(help="What parts the manifest's fields, as ';' or tab; found if not given."),
    ] = None,
) -> None:
    """List what is wrong with recordings, handwriting or video.

    Of recordings those that are broken, silent, clipped, too long or without their transcript; of
    handwriting those without strokes, with time that runs back, with jumps, or drawn twice; of
    video those that cannot be decoded, are damaged, black, still, of one frame, have gaps in time,
    or are seen twice.

    Example: `elman data check recordings.csv --longest 20`
    """
    wanted = _Wanted(longest, transcripts, encoding, delimiter)
    print(next(check for holds, check in _CHECKS if holds(source))(source, wanted))
