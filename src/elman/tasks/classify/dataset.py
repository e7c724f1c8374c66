"""What a classifier reads: texts, feature vectors or sound, with or without labels."""

from dataclasses import dataclass, field, replace
from typing import Any

from elman.baselines.result import Label
from elman.data import (
    AcousticFeatures,
    Examples,
    Sounds,
    find_sounds,
    read_examples,
    read_utterances,
)
from elman.data.shards.read import ShardsPart
from elman.errors import DataError
from elman.tasks.classify.settings import ClassifySettings
from elman.tasks.streamed import by_sample
from elman.tasks.unreadable import warn


@dataclass(frozen=True)
class ClassifyData:
    """Examples, how their sound was heard, and all labels of their source.

    A part of a dataset keeps the labels of the whole, and its first part what was left out.
    """

    examples: Examples
    sound: AcousticFeatures | None
    labels: list[str]
    several: bool  # an example may have several labels
    left_out: dict[int, str] = field(default_factory=dict)
    shards: ShardsPart | None = None  # of which the examples are a sample

    @property
    def count(self) -> int:
        """The examples there are, in memory or in shards."""
        return len(self.examples) if self.shards is None else len(self.shards)

    @property
    def sha256(self) -> str:
        """A hash of all of them."""
        known = self.shards
        return self.examples.sha256 if known is None else known.shards.manifest.sha256

    @property
    def chosen(self) -> dict[str, str]:
        """What was found by a sample of them alone, as a fact."""
        if self.shards is None:
            return {}
        found = "settings, vocabulary and baselines"
        return by_sample(found, len(self), self.count, "examples")

    def __len__(self) -> int:
        return len(self.examples)

    def shown(self, number: int) -> str:
        """An input as a table shows it: the text, the sound's name or the number of steps."""
        given = self.examples.inputs[number]
        if isinstance(given, str):
            return given
        return f"{len(given)} steps" if self.sound is None else self.examples.names[number]

    @property
    def texts(self) -> list[str]:
        """The inputs that are texts: all or none."""
        return [text for text in self.examples.inputs if isinstance(text, str)]

    def plain_labels(self, *, several: bool) -> list[Label]:
        """The label of each example or, where there may be several, a tuple of them."""
        given = [x if isinstance(x, tuple) else (x,) for x in self.examples.labels or ()]
        return list(given) if several else [label[0] for label in given]

    def split(self, fraction: float, seed: int) -> "tuple[ClassifyData, ClassifyData]":
        """Two parts, the second of about `fraction`; see `Examples.split`."""
        first, second = self.examples.split(fraction, seed)
        return replace(self, examples=first), replace(self, examples=second, left_out={})

    def check_labels(self) -> None:
        """Raise `DataError` where there is nothing to tell apart."""
        if not self.labels:
            raise DataError("no example has a label")
        if len(self.labels) < 2 and not self.several:
            raise DataError(f"all examples have the label {self.labels[0]!r}: two are needed")


def read_data(
    data: Any,
    settings: ClassifySettings,
    sound: AcousticFeatures | None,
    *,
    are_texts: bool,
    is_new: bool,
    labelled: bool,
) -> ClassifyData:
    """The data of a classifier.

    **Arguments:**

    - `sound`: how the model hears, None if it reads other things or is not made yet.
    - `are_texts`: the model reads texts.
    - `is_new`: there is no model yet; how it is to hear follows from settings and data.
    """
    sounds = None if are_texts else _find(data, settings, sound, labelled=labelled)
    if is_new and sounds is not None and sounds.utterances.features_size is None:
        rate = settings.sample_rate or sounds.rate
        sound = AcousticFeatures(kind=settings.acoustic, bins=settings.bins, rate=rate)
    examples = _examples(data, settings, sounds, sound, labelled=labelled)
    if not labelled:
        examples = replace(examples, labels=None)
    found = ClassifyData(
        examples, sound, examples.classes, examples.is_multi_label, examples.left_out
    )
    if labelled and found.left_out:
        warn(found)
    return found


def _find(
    data: Any, settings: ClassifySettings, sound: AcousticFeatures | None, *, labelled: bool
) -> Sounds | None:
    """The sounds that the data names, if it does."""
    if settings.text.isdecimal():  # a table of texts without a header
        return None
    if sound is not None and isinstance(data, list) and not labelled:
        return Sounds(read_utterances(data), None)  # each string is a path, whatever its name
    return find_sounds(
        data,
        path=settings.path,
        label=settings.label if labelled else None,
        **settings.text_file,
    )


def _examples(
    data: Any,
    settings: ClassifySettings,
    sounds: Sounds | None,
    sound: AcousticFeatures | None,
    *,
    labelled: bool,
) -> Examples:
    if sounds is None:
        return read_examples(
            data,
            text=settings.text,
            label=settings.label if labelled else None,
            features=settings.features,
            separator=settings.separator,
            **settings.text_file,
        )
    examples = sounds.examples(sound, separator=settings.separator)
    if labelled and examples.labels is None:
        raise DataError(f"{examples.names[0]} has no label")
    return examples
