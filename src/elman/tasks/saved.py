"""A saved model: a folder of JSON and safetensors, checked as it is read. Nothing in it runs."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from elman.errors import ModelError
from elman.files import sha256, write_atomic

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
FORMAT = 1


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
    """Write a model folder; the configuration, which holds the others' hashes, comes last."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomic(path / WEIGHTS, lambda file: save_file(tensors, file))
    for name, write in assets.items():
        write(path / name)
    files = {name: sha256(path / name) for name in (WEIGHTS, *assets)}
    content = {"format": FORMAT, **config, "files": files}
    content["checksum"] = _checksum(content)
    write_atomic(path / CARD, card)
    write_atomic(path / CONFIG, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_model(path: Path) -> Saved:
    """Read a model folder; ModelError says which file is missing, damaged or tampered with."""
    config_path = path / CONFIG
    if not path.is_dir() or not config_path.is_file():
        raise ModelError(f"{path} is not a saved model: there is no {CONFIG}")
    try:
        config = json.loads(config_path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise ModelError(f"{config_path} is damaged: {error}") from None
    if not isinstance(config, dict) or not isinstance(config.get("files"), dict):
        raise ModelError(f"{config_path} is not the configuration of an elman model")
    if (version := config.get("format")) != FORMAT or isinstance(version, bool):
        raise ModelError(f"{config_path} has format {version!r}; this elman reads format {FORMAT}")
    stated = config.pop("checksum", None)
    if stated != _checksum(config):
        raise ModelError(f"{config_path} was changed since it was saved: its checksum is another")
    if WEIGHTS not in config["files"]:
        raise ModelError(f"{config_path} names no {WEIGHTS}")
    for name, expected in config["files"].items():
        file = path / name
        if Path(name).name != name or "\\" in name:
            raise ModelError(f"{config_path} names a file outside its folder: {name!r}")
        if not file.is_file():
            raise ModelError(f"{path} is incomplete: {name} is missing")
        if (found := sha256(file)) != expected:
            raise ModelError(
                f"{file} is damaged or was changed: its SHA-256 is {found[:12]}…, saved was"
                f" {str(expected)[:12]}…"
            )
    try:
        tensors = load_file(path / WEIGHTS)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path / WEIGHTS} is damaged: {error}") from None
    return Saved(config, tensors, path)


def _checksum(config: Mapping[str, Any]) -> str:
    plain = json.dumps(config, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(plain.encode()).hexdigest()
