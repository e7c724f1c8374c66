"""A checkpoint: a nest of tensors and plain values in one safetensors file, never pickle.

The tensors are stored as such, the rest as JSON in the file's metadata, with a SHA-256 over both.
One file means one atomic commit: a process killed at any moment leaves the last checkpoint whole.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from elman.errors import ModelError, SettingsError
from elman.files import is_file
from elman.tensor_files import read_tensors, write_tensors

_FORMAT = "elman-checkpoint-1"
_ADVICE = "restore it, or train again in another folder"


def write_checkpoint(path: Path, nest: Any) -> None:
    """Write `nest` (tensors, numbers, strings, None in tuples, lists and dicts), atomically.

    Raises `SettingsError` where the nest holds anything else.
    """
    tensors: dict[str, Tensor] = {}
    tree = json.dumps(_encode(nest, "", tensors))
    metadata = {"format": _FORMAT, "tree": tree, "sha256": digest(tree, tensors)}
    write_tensors(path, tensors, metadata)


def read_checkpoint(path: Path) -> Any:
    """The nest that `write_checkpoint` wrote, its tensors on the CPU.

    Raises `ModelError` where the file is missing, truncated, altered or of another kind.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "checkpoint.safetensors"
    >>> write_checkpoint(path, {"step": 3, "state": (torch.ones(2), None)})
    >>> read_checkpoint(path)
    {'step': 3, 'state': (tensor([1., 1.]), None)}
    """
    if not is_file(path):
        raise ModelError(f"{path}: no such checkpoint")
    try:
        tensors, metadata = read_tensors(path)
    except ModelError as error:
        raise ModelError(f"{path}: the checkpoint is damaged ({error}); {_ADVICE}") from None
    if metadata.get("format") != _FORMAT:
        raise ModelError(f"{path}: not a checkpoint of elman.train (format {_FORMAT})")
    try:
        tree = metadata["tree"]
        if metadata["sha256"] != digest(tree, tensors):
            raise ValueError("its checksum does not fit")
        return _decode(json.loads(tree), tensors)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"{path}: the checkpoint is damaged ({str(error)[:200]}); {_ADVICE}"
        ) from None


def digest(tree: str, tensors: dict[str, Tensor]) -> str:
    """A SHA-256 over a text and tensors by name, as 64 hex digits."""
    digest = hashlib.sha256(tree.encode())
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(f"\n{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _encode(nest: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(nest, Tensor):
        name = name or "value"
        tensors[name] = _owned(nest, tensors)
        return {"tensor": name}
    if type(nest) is dict and all(type(key) in (str, int) for key in nest):
        pairs = [
            [k, _encode(v, f"{name}/{k}" if name else str(k), tensors)] for k, v in nest.items()
        ]
        return {"dict": pairs}
    if type(nest) in (tuple, list):
        values = [
            _encode(v, f"{name}/{i}" if name else str(i), tensors) for i, v in enumerate(nest)
        ]
        return {"tuple": values} if type(nest) is tuple else values
    if nest is None or type(nest) in (bool, int, float, str):
        return nest
    raise SettingsError(
        f"a checkpoint cannot hold {name!r}, a {type(nest).__name__}; "
        "use tensors, numbers, strings, None, tuples, lists and dicts"
    )


def _owned(value: Tensor, others: dict[str, Tensor]) -> Tensor:
    """The tensor with memory of its own, as a file needs it."""
    value = value.detach().cpu().contiguous()
    memory = value.untyped_storage()
    is_whole = memory.nbytes() == value.numel() * value.element_size()
    shared = any(each.untyped_storage().data_ptr() == memory.data_ptr() for each in others.values())
    return value.clone() if shared or not is_whole else value


def _decode(tree: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(tree, list):
        return [_decode(value, tensors) for value in tree]
    if not isinstance(tree, dict):
        return tree
    ((kind, value),) = tree.items()
    if kind == "tensor":
        return tensors[value]
    if kind == "tuple":
        return tuple(_decode(item, tensors) for item in value)
    if kind == "dict":
        return {key: _decode(item, tensors) for key, item in value}
    raise ValueError(f"unknown kind {kind!r}")
