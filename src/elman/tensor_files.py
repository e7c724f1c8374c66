"""Tensors in safetensors files, written whole and read with every error named."""

import errno
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from elman.errors import ModelError
from elman.files import cannot_write, is_file, write_atomic


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors by name, atomically; `FileError` where there is no room or no permission."""

    def write(temporary: Path) -> None:
        try:
            save_file(dict(tensors), temporary, None if metadata is None else dict(metadata))
        except SafetensorError as error:
            found = re.search(r"os error (\d+)", str(error))
            raise cannot_write(path, int(found[1]) if found else errno.EIO) from error

    write_atomic(path, write)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a file by name, on the CPU, and its metadata.

    Sizes are checked against the file's own before memory is taken. Raises `ModelError` where the
    file is missing or damaged.
    """
    if not is_file(path):
        raise ModelError(f"{path}: no such file")
    try:
        with safe_open(path, "pt") as file:
            metadata = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError, RuntimeError) as error:
        raise ModelError(f"{path} is damaged: {_line(error)}") from None
    return tensors, metadata


def misfits(
    tensors: Mapping[str, Tensor], forms: Mapping[str, tuple[torch.dtype, tuple[int, ...]]]
) -> list[str]:
    """The names of tensors whose dtype or shape is another than that of `forms`."""
    found = {name: (tensors[name].dtype, tuple(tensors[name].shape)) for name in forms}
    return [name for name, form in forms.items() if found[name] != form]


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
