"""The commands `elman data`: datasets by name, and a check of one's own data."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter, validators

import elman.data
from elman.cli import output
from elman.data.shards import write_shards
from elman.errors import SettingsError
from elman.progress import stage

_LONGEST = 60.0
SourceColumn = Annotated[
    str | None, Parameter(help="Column, language or file ending of the source texts of pairs.")
]
TargetColumn = Annotated[
    str | None, Parameter(help="Column, language or file ending of the target texts of pairs.")
]
Encoding = Annotated[str | None, Parameter(help="Encoding of a text file; detected if not given.")]

data_app = App(name="data", help="Check your data, or list and download known datasets.")


@data_app.command(name="list")
def data_list() -> None:
    """List the datasets, and say which are on this machine.

    Example: `elman data list`
    """
    output.datasets()


@data_app.command(name="show")
def data_show(name: Annotated[str, Parameter(help="A dataset's name.")], /) -> None:
    """Show a dataset's licence, files and parts.

    Example: `elman data show text_sst2`
    """
    output.dataset(elman.data.get(name))


@data_app.command(name="fetch")
def data_fetch(name: Annotated[str, Parameter(help="A dataset's name.")], /) -> None:
    """Download the files of a dataset that are not on this machine, and check them.

    Example: `elman data fetch text_sst2`
    """
    for path in elman.data.fetch(elman.data.get(name)):
        print(path)


@data_app.command(name="shard")
def data_shard(
    data: Annotated[
        str,
        Parameter(
            help="Text: a file, a folder of .txt files or a dataset; labelled texts and pairs: a"
            " table, of Parquet also a folder of files, or whatever training reads; speech: a"
            " manifest or a folder."
        ),
    ],
    /,
    *,
    out: Annotated[Path, Parameter(help="The folder of the shards, new or empty.")],
    kind: Annotated[
        Literal["text", "labelled", "pairs", "speech"] | None,
        Parameter(
            help="What the data are; if not given, labelled with --label, pairs with --source and"
            " --target, else text."
        ),
    ] = None,
    size: Annotated[
        int,
        Parameter(help="Megabytes of content in a shard.", validator=validators.Number(gte=1)),
    ] = 32,
    text: Annotated[str, Parameter(help="Column of the texts or transcripts.")] = "text",
    label: Annotated[str | None, Parameter(help="Column of the labels.")] = None,
    separator: Annotated[
        str | None, Parameter(help="Separator between the labels of a text that may have several.")
    ] = None,
    source: SourceColumn = None,
    target: TargetColumn = None,
    clean: Annotated[bool, Parameter(help="Leave out pairs that harm.")] = True,
    path: Annotated[str, Parameter(help="Column of a manifest's sound files.")] = "path",
    audio_folder: Annotated[
        Path | None, Parameter(help="Folder of a manifest's sound files.")
    ] = None,
    channel: Annotated[
        int | None, Parameter(help="Channel of recordings with several, 0 the first.")
    ] = None,
    encoding: Encoding = None,
) -> None:
    """Write data as shards, for training on more data than fits into memory.

    Language models, classifiers of texts, translators and recognisers of speech take the folder, or
    its address on s3:// and the like, as their --data.

    Example: `elman data shard reviews/ --out shards/ --text review --label stars`
    """
    if kind is None:
        are_pairs = source is not None or target is not None
        kind = "labelled" if label is not None else "pairs" if are_pairs else "text"
    given = {"labelled": (label, separator), "pairs": (source, target), "speech": (channel,)}
    for of, flags in given.items():
        if of != kind and any(flag is not None for flag in flags):
            raise SettingsError(f"--kind {kind} has no flags of {of}")
    made = write_shards(
        data,
        out,
        kind=kind,
        size=size << 20,
        text=text,
        label=label or "label",
        separator=separator,
        source=source,
        target=target,
        clean=clean,
        path=path,
        audio_folder=audio_folder,
        channel=channel,
        encoding=encoding,
    )
    rows = sum(file.rows for file in made.files)
    print(f"shards of {kind} in {out}: {len(made.files):,}, their rows: {rows:,}")


@dataclass(frozen=True)
class Asked:
    """What `elman data check` was asked; None for what was not given."""

    data: str
    transcripts: bool
    longest: float | None
    source: str | None
    target: str | None
    held_out: str | None
    encoding: str | None
    delimiter: str | None

    def only(self, kind: str, *names: str) -> None:
        """Raise SettingsError for a flag that this kind of data has not."""
        for name in (field.name for field in fields(self)[2:]):
            if name not in names and getattr(self, name) is not None:
                flag = name.replace("_", "-")
                raise SettingsError(f"{self.data} holds {kind}: --{flag} does not apply")


def _sound(asked: Asked) -> str:
    asked.only("recordings", "longest", "encoding", "delimiter")
    utterances = elman.data.read_utterances(
        asked.data,
        text="text" if asked.transcripts else None,
        encoding=asked.encoding,
        delimiter=asked.delimiter,
    )
    longest = _LONGEST if asked.longest is None else asked.longest
    found = elman.data.check_utterances(utterances, longest=longest, transcripts=asked.transcripts)
    return found.summary()


def _ink(asked: Asked) -> str:
    asked.only("handwriting")
    with warnings.catch_warnings():  # what is left out stands in the summary
        warnings.simplefilter("ignore")
        inks = elman.data.read_inks(asked.data, labelled=None if asked.transcripts else False)
    return elman.data.check_inks(inks).summary()


def _video(asked: Asked) -> str:
    asked.only("video")
    with warnings.catch_warnings():  # what is left out stands in the summary
        warnings.simplefilter("ignore")
        clips = elman.data.read_clips(asked.data, labelled=None)
    with stage("decoding the clips", shown=True):
        return elman.data.check_clips(clips).summary()


def _pairs(asked: Asked) -> str:
    asked.only("pairs", "source", "target", "held_out", "encoding", "delimiter")
    pairs, *others = (
        elman.data.read_pairs(
            data,
            source=asked.source,
            target=asked.target,
            encoding=asked.encoding,
            delimiter=asked.delimiter,
        )
        for data in (asked.data, asked.held_out)
        if data is not None
    )
    return elman.data.check_pairs(pairs, *others).summary()


CHECKS: dict[str, Callable[[Asked], str]] = {
    "sound": _sound,
    "ink": _ink,
    "video": _video,
    "pairs": _pairs,
}


def _kind(asked: Asked) -> str:
    """What the data are, where it is not said."""
    if asked.source or asked.target or Path(asked.data).suffix.lower() == ".tmx":
        return "pairs"
    if elman.data.holds_ink(asked.data):
        return "ink"
    return "video" if elman.data.holds_clips(asked.data) else "sound"


@data_app.command(name="check")
def data_check(
    data: Annotated[
        str,
        Parameter(
            help="For sound, handwriting or video: a manifest, a folder, a file or a"
            " dataset such as sp_fsdd:train. For pairs: a table, a TMX file, the"
            " common prefix of two files, or a dataset."
        ),
    ],
    /,
    *,
    kind: Annotated[
        Literal["sound", "ink", "video", "pairs"] | None,
        Parameter(help="Kind of the data; detected if not given."),
    ] = None,
    longest: Annotated[
        float | None,
        Parameter(help=f"Longest utterance allowed, in seconds; {_LONGEST:g} if not given."),
    ] = None,
    transcripts: Annotated[bool, Parameter(help="Also check the transcripts.")] = True,
    source: SourceColumn = None,
    target: TargetColumn = None,
    held_out: Annotated[
        str | None,
        Parameter(help="Validation or test pairs; their sources should not occur in this data."),
    ] = None,
    encoding: Encoding = None,
    delimiter: Annotated[
        str | None,
        Parameter(help="Field delimiter of a table, such as ';' or tab; detected if not given."),
    ] = None,
) -> None:
    """List the problems in recordings, handwriting, video or pairs of texts, before training.

    Recordings that are broken, silent, clipped, too long or without a transcript; handwriting
    without strokes, with decreasing times, with jumps, or duplicated; video that cannot be
    decoded, is damaged, black, still, of one frame, has gaps in time, or is duplicated; pairs
    with an empty side, very different lengths, swapped sides, the wrong script, misaligned lines
    or duplicates.

    Example: `elman data check pairs.tsv --source en --target de`
    """
    asked = Asked(data, transcripts, longest, source, target, held_out, encoding, delimiter)
    print(CHECKS[kind or _kind(asked)](asked))
