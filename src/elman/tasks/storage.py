"""A saved model: a folder of JSON and safetensors, checked as it is read. Nothing in it runs."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from elman.errors import FileError, ModelError
from elman.files import (
    is_file,
    json_text,
    move_into_place,
    read_json,
    sha256,
    staging,
    write_atomic,
    writing,
)
from elman.folders import (
    CARD,
    CHECKPOINT,
    CONFIG,
    JOURNAL,
    MOST_CONFIG,
    checksum,
    claim,
    is_checkpoint,
    recorded,
)
from elman.tensor_files import read_tensors, write_tensors

WEIGHTS = "model.safetensors"
MODEL_FILES = (WEIGHTS, CARD, CONFIG)
FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_MOST_BYTES = {".json": 2**28, ".md": 2**24, ".safetensors": None}
_MOST_OTHERWISE = 2**32


@dataclass(frozen=True)
class Saved:
    """What a model folder holds: its configuration, its weights and where it lies."""

    config: dict[str, Any]
    tensors: dict[str, Tensor]
    path: Path

    def asset(self, name: str) -> Path:
        """The path of one of the folder's own files, checked against its hash."""
        if name not in self.config["files"]:
            raise ModelError(f"{self.path} has no {name}: it is not a model of this kind")
        return self.path / name


def write_model(
    path: Path,
    config: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    card: str,
    assets: Mapping[str, Callable[[Path], None]],
) -> None:
    """Write a model folder: all files are complete before the first old one is replaced.

    Files of an older model in the folder that this one has not are removed, unless they were
    changed since they were saved.

    Raises `FileError` where files that elman did not write would be lost, or there is no room.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    names = [*assets, *MODEL_FILES]  # the configuration comes last
    claim(path, names)
    outdated = _outdated(path, names)
    with writing(path), staging(path) as stage, _named_after(path, stage):
        write_tensors(stage / WEIGHTS, tensors)
        for name, write in assets.items():
            write(stage / name)
        write_atomic(stage / CARD, card)
        files = {name: sha256(stage / name) for name in (WEIGHTS, *assets)}
        stated = {"format": FORMAT, **config, "files": files, "card": sha256(stage / CARD)}
        content = json.loads(json_text(stated))
        content["checksum"] = checksum(content)
        text = json.dumps(content, indent=2, ensure_ascii=False)
        write_atomic(stage / CONFIG, f"{text}\n")
        write_atomic(path / JOURNAL, json.dumps(_hashes([*names, *outdated], path, stage)))
        for name in names:
            move_into_place(stage / name, path / name)
        for name in outdated:
            (path / name).unlink(missing_ok=True)
        (path / JOURNAL).unlink()


def _outdated(path: Path, names: Iterable[str]) -> list[str]:
    """The other files of an older model in the folder, as elman wrote them."""
    return [
        name
        for name, hashes in recorded(path).items()
        if name not in names
        and _NAME.fullmatch(name)
        and is_file(path / name)
        and not (path / name).is_symlink()
        and sha256(path / name) in hashes
    ]


def _hashes(names: Iterable[str], *folders: Path) -> dict[str, list[str]]:
    """The hashes of files of these names that are in any of the folders."""
    return {name: [sha256(f / name) for f in folders if is_file(f / name)] for name in names}


@contextmanager
def _named_after(path: Path, stage: Path) -> Iterator[None]:
    """Errors name the folder to be written, not the hidden one within it."""
    try:
        yield
    except FileError as error:
        raise FileError(str(error).replace(str(stage), str(path))) from error.__cause__


def read_model(path: Path) -> Saved:
    """Read a model folder; ModelError says which file is missing, damaged or tampered with.

    All of the configuration is checked: what is common to all models here, what is its task's own
    by `Task.saved_type`.
    """
    config = read_config(path)
    for name, expected in config["files"].items():
        _check_file(path, name, expected)
    tensors, _ = read_tensors(path / WEIGHTS)
    return Saved(config, tensors, path)


def read_config(path: Path) -> dict[str, Any]:
    """The configuration of a model folder, whose `files` are the names and hashes of the others.

    Its size is looked at before it is read. ModelError if it is missing, damaged or changed.
    """
    config_path = path / CONFIG
    if not is_file(config_path):
        hint = ""
        if is_checkpoint(path / CHECKPOINT):
            hint = "; it holds the checkpoint of a run that has not ended: resume it first"
        raise ModelError(f"{path} is not a saved model: there is no {CONFIG}{hint}")
    try:
        config = read_json(config_path, MOST_CONFIG)
    except (ValueError, OSError) as error:
        raise ModelError(f"{config_path} is damaged: {error}") from None
    if not isinstance(config, dict) or not isinstance(config.get("files"), dict):
        raise ModelError(f"{config_path} is not the configuration of an elman model")
    if (version := config.get("format")) != FORMAT or isinstance(version, bool):
        raise ModelError(
            f"{config_path} has format {version!r:.40}; this elman reads format {FORMAT}"
        )
    stated = config.pop("checksum", None)
    if stated != checksum(config):
        raise ModelError(f"{config_path} was changed since it was saved: its checksum is another")
    if WEIGHTS not in config["files"]:
        raise ModelError(f"{config_path} names no {WEIGHTS}")
    for name in config["files"]:
        if not _NAME.fullmatch(name):
            raise ModelError(f"{config_path} names a file outside its folder: {name!r:.80}")
    return config


def _check_file(path: Path, name: str, expected: Any) -> None:
    """Raise ModelError if a file that the configuration names is missing, too large or another."""
    file = path / name
    if not is_file(file):
        raise ModelError(f"{path} is incomplete: {name} is missing")
    try:
        size, most = file.stat().st_size, _MOST_BYTES.get(file.suffix, _MOST_OTHERWISE)
        if most is not None and size > most:
            raise ModelError(f"{file} is too large to be read: {size:,} bytes, {most:,} at most")
        found = sha256(file)
    except OSError as error:
        raise ModelError(f"{file} cannot be read: {error.strerror}") from None
    if found != expected:
        raise ModelError(
            f"{file} is damaged or was changed: its SHA-256 is {found[:12]}…, saved was"
            f" {str(expected)[:12]}…"
        )


def assign_weights(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give a model without weights its own, in the precision that they were saved in.

    What would be of `torch.get_default_dtype()` may be of another, if it is one in all weights.
    """
    expected, usual = model.state_dict(), torch.get_default_dtype()
    saved = [tensors[n].dtype for n, t in expected.items() if t.dtype == usual and n in tensors]
    precision = saved[0] if saved and saved[0].is_floating_point else usual
    for name in {**expected, **tensors}:
        wanted = expected.get(name)
        if wanted is not None and wanted.dtype == usual:
            wanted = wanted.to(precision)
        if (found := _form(tensors.get(name), "missing")) != (form := _form(wanted, "none")):
            raise ModelError(f"weight {name} is {found} where the settings ask for {form}")
    model.load_state_dict(dict(tensors), assign=True)


def _form(tensor: Tensor | None, nothing: str) -> str:
    if tensor is None:
        return nothing
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
