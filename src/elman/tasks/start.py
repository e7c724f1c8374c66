"""Training that starts from a saved model: its weights and preprocessing, and what may differ."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from elman.data import Vocabulary
from elman.errors import DataError, SettingsError
from elman.tasks.ensemble import networks
from elman.tasks.settings import validated
from elman.train.checkpoint import digest

if TYPE_CHECKING:
    from elman.tasks.task import Task

_LAYERS = ("cell", "hidden_size", "num_layers", "layer_norm", "residual", "learn_initial_state")
_SHOWN = 20


def trained(task: "Task", start_from: Any, folder: Path | None) -> Any:
    """The trained task that `start_from` (a task, a path, a name on the hub) is."""
    from elman.tasks.load import load
    from elman.tasks.task import Task

    if not isinstance(start_from, Task):
        if folder is not None and Path(start_from).absolute() == folder.absolute():
            raise SettingsError(
                f"start_from={str(start_from)!r} is the folder to be written: choose another folder"
            )
        start_from = load(start_from, cells=[] if task.cell is None else [task.cell])
    start_from._check_trained()
    return start_from


def merged(task: "Task", start: "Task") -> Any:
    """The settings of `start` with those that were given to `task`.

    Of a model of another task they are the given ones with those that follow from the model.
    Raises `SettingsError` that names given settings with which the weights would not fit.
    """
    kind = type(task.settings)
    if start.name == task.name:
        fixed = ["seeds", *_LAYERS, *task.fixed]
        before = {name: getattr(start.settings, name) for name in kind.model_fields}
    else:
        before = task.settings_from(start)
        fixed = [*before]
    given = {name: getattr(task.settings, name) for name in task.asked}
    for name in fixed:
        if name in given and before[name] is None and start.found(name, given[name]):
            del given[name]
    names = [name for name in fixed if name in given and given[name] != before[name]]
    if names:
        shown = ", ".join(f"{n} was {before[n]!r} and is {given[n]!r}" for n in names)
        raise SettingsError(
            f"start_from: its weights and preprocessing do not fit other settings: {shown}; leave"
            f" {'it' if len(names) == 1 else 'them'} out, or train from scratch"
        )
    return validated(kind, {**before, **given})


def layer_settings(start: "Task") -> dict[str, Any]:
    """The settings of the recurrent layers that a model has, by name."""
    return {name: getattr(start.settings, name) for name in _LAYERS}


def take_layers(embedding: nn.Embedding, recurrent: nn.Module, start: "Task") -> None:
    """Write a language model's embedding and recurrent layers into those of another network.

    A backward direction, which a language model has not, keeps its weights. Raises `SettingsError`
    where the others do not fit.
    """
    for name, own, other in (
        ("embedding", embedding, start.model.get_submodule("encoder.embedding")),
        ("recurrent", recurrent, start.model.get_submodule("recurrent")),
    ):
        mine = {n: w for n, w in own.state_dict().items() if not n.endswith("_reverse")}
        _copy(mine, other.state_dict(), f"{name}.")


def take_weights(task: "Task", start: "Task") -> None:
    """Write the weights of `start` into the model of `task`, but for what is found after training.

    Raises `SettingsError` where they do not fit.
    """
    for model, other in zip(networks(task.model), networks(start.model), strict=True):
        _copy(model.state_dict(), other.state_dict(), but_for=task.found_after_training)


def _copy(
    own: dict[str, Any], others: dict[str, Any], prefix: str = "", but_for: Iterable[str] = ()
) -> None:
    for name in {**own, **others}:
        mine, theirs = (tuple(w[name].shape) if name in w else "missing" for w in (own, others))
        if mine != theirs:
            raise SettingsError(
                f"start_from: weight {prefix}{name} is {theirs} there and {mine} here"
            )
    with torch.no_grad():
        for name, weight in own.items():
            if name not in but_for:
                weight.copy_(others[name])


def weights_hash(start: "Task") -> str:
    """A hash of the weights that training starts from."""
    weights = start.model.state_dict()
    return digest("", {name: weight.cpu().contiguous() for name, weight in weights.items()})


def check_characters(vocabulary: Vocabulary, texts: Iterable[str], *, is_limited: bool) -> None:
    """Raise `DataError` naming characters that a vocabulary of characters lacks.

    One that was limited when it was made has learnt to read others as unknown, and is not checked.
    """
    if vocabulary.kind != "characters" or is_limited:
        return
    used: set[str] = set()
    for text in texts:
        used.update(text.lower() if vocabulary.lowercase else text)
    new = [c for c in sorted(used) if vocabulary.encode(c)[0] == vocabulary.unknown_id]
    if new:
        more = f" and {len(new) - _SHOWN} more" if len(new) > _SHOWN else ""
        raise DataError(
            f"start_from: the data has characters that are not in the saved vocabulary:"
            f" {', '.join(map(repr, new[:_SHOWN]))}{more}; take them out, or train from scratch"
        )


def check_labels(labels: Iterable[str], known: Iterable[str]) -> None:
    """Raise `DataError` naming labels that a trained classifier does not know."""
    known = list(known)
    new = [label for label in dict.fromkeys(labels) if label not in known]
    if new:
        raise DataError(
            f"start_from: the data has labels that are not in the saved model:"
            f" {', '.join(map(repr, new[:_SHOWN]))}; it knows"
            f" {', '.join(map(repr, known[:_SHOWN]))}"
        )
