"""The state of a session, sent on as it would be to another process."""

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def sent(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state after JSON, which knows no tuples, and with tensors of its own memory."""
    plain = {name: value for name, value in state.items() if not isinstance(value, Tensor)}
    tensors = {
        name: torch.clone(value) for name, value in state.items() if isinstance(value, Tensor)
    }
    return {**json.loads(json.dumps(plain)), **tensors}
