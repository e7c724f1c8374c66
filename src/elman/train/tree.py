"""Nests: tensors within tuples, lists and dicts, as carried states and batches are."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def map_tensors(function: Callable[[Tensor], Tensor], nest: Any) -> Any:
    """The nest with `function` applied to every tensor; everything else stays as it is.

    >>> map_tensors(lambda t: t + 1, (torch.zeros(2), {"n": 3}))
    (tensor([1., 1.]), {'n': 3})
    """
    if isinstance(nest, Tensor):
        return function(nest)
    if isinstance(nest, dict):
        return {key: map_tensors(function, value) for key, value in nest.items()}
    if isinstance(nest, tuple) and hasattr(nest, "_fields"):
        return type(nest)(*(map_tensors(function, value) for value in nest))
    if isinstance(nest, tuple | list):
        return type(nest)(map_tensors(function, value) for value in nest)
    return nest


def detach(state: Any) -> Any:
    """The state cut off from the graph that made it: where truncated BPTT stops going back."""
    return map_tensors(Tensor.detach, state)


def move(nest: Any, device: torch.device) -> Any:
    """The nest on `device`: tensors, and whatever else has a method `to(device)`."""
    if isinstance(nest, dict):
        return {key: move(value, device) for key, value in nest.items()}
    if isinstance(nest, tuple) and hasattr(nest, "_fields"):
        return type(nest)(*(move(value, device) for value in nest))
    if isinstance(nest, tuple | list):
        return type(nest)(move(value, device) for value in nest)
    return nest.to(device) if hasattr(nest, "to") else nest
