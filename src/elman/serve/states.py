"""A session's state as text that a client can keep, and back."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from elman.errors import SettingsError
from elman.files import json_text

_NOT_ONE = "state is not one that this server gave"


def packed(state: Mapping[str, Any]) -> str:
    """Tensors, arrays and plain values by name as base64 of a safetensors file.

    >>> unpacked(packed({"frames": 3, "h": torch.ones(2)}))
    {'frames': 3, 'h': tensor([1., 1.])}
    """
    tensors = {
        name: value if isinstance(value, Tensor) else torch.from_numpy(np.ascontiguousarray(value))
        for name, value in state.items()
        if isinstance(value, Tensor | np.ndarray)
    }
    plain = {name: value for name, value in state.items() if name not in tensors}
    content = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return base64.b64encode(save(content, {"plain": json_text(plain)})).decode()


def unpacked(text: Any) -> dict[str, Any]:
    """The inverse of `packed`; SettingsError for anything else."""
    if not isinstance(text, str):
        raise SettingsError(f"state must be a text, not a {type(text).__name__}")
    try:
        content = base64.b64decode(text, validate=True)
        size = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + size])
        plain = json.loads(header["__metadata__"]["plain"])
        tensors = load(content)
    except (binascii.Error, SafetensorError, ValueError, LookupError, TypeError, RecursionError):
        raise SettingsError(_NOT_ONE) from None
    if not isinstance(plain, dict):
        raise SettingsError(_NOT_ONE)
    return {**plain, **tensors}
