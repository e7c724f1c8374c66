"""The datasets elman knows, by name."""

import difflib
from pathlib import Path

from elman.data.datasets.catalogue import CATALOGUE
from elman.data.datasets.dataset import Dataset, Part
from elman.data.text.files import may_be_path
from elman.data.values import shown
from elman.errors import DataError

_LONGEST_SHOWN = 200


def dataset_names() -> list[str]:
    """The names of all datasets.

    >>> "lm_tinyshakespeare" in dataset_names()
    True
    """
    return sorted(CATALOGUE)


def get(name: str) -> Dataset:
    """The dataset of that name; an unknown one is a `DataError` with near matches.

    >>> get("text_sst2").splits
    ['train', 'validation', 'test']
    """
    if not isinstance(name, str):
        raise DataError(f"the name of a dataset is a string, not {shown(name)}")
    if name in CATALOGUE:
        return CATALOGUE[name]
    raise DataError(f"no dataset is named {shown(name)}; {_near(name, dataset_names())}")


def is_reference(text: str) -> bool:
    """Whether a string names a known dataset, `NAME[/SUBSET][:SPLIT]`, and not a file."""
    if not isinstance(text, str) or _name(text) not in CATALOGUE:
        return False
    return not (may_be_path(text) and Path(text).is_file())


def missing(source: str) -> DataError:
    """The error for a string that is neither a file nor a dataset."""
    near = difflib.get_close_matches(
        _name(source)[:_LONGEST_SHOWN], dataset_names(), n=3, cutoff=0.6
    )
    what = source if may_be_path(source) and len(source) < _LONGEST_SHOWN else shown(source)
    hint = f" (the dataset {' or '.join(near)}?)" if near else ""
    if " " in source and not near and not Path(what).suffix:
        hint = "; texts are given in a list"
    return DataError(f"no such file: {what}{hint}")


def resolve(reference: str) -> tuple[Dataset, Part]:
    """The dataset and part that `NAME[/SUBSET][:SPLIT]` names, or a `DataError` with the choices.

    >>> dataset, part = resolve("mv_uea_small/JapaneseVowels:train")
    >>> part.files
    ('JapaneseVowels_TRAIN.ts',)
    """
    dataset = get(_name(reference) if isinstance(reference, str) else reference)
    tail = reference.removeprefix(dataset.name)
    if tail in dataset.parts:
        return dataset, dataset.parts[tail]
    if not tail:
        raise DataError(
            f"{reference} does not say which part of the dataset is meant; "
            f"choose one of {', '.join(dataset.references)}"
        )
    raise DataError(
        f"dataset {dataset.name} has no part {reference!r}; {_near(reference, dataset.references)}"
    )


def _name(reference: str) -> str:
    return reference.partition(":")[0].partition("/")[0]


def _near(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word[:_LONGEST_SHOWN], known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
