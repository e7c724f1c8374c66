"""Values out of the containers of numpy, torch, pandas, polars and Arrow, and in messages."""

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeGuard

from elman.errors import DataError
from elman.messages import shown as shown

if TYPE_CHECKING:
    import numpy as np
    import torch


def is_missing(value: Any) -> bool:
    """Whether a value is None, NaN of any type of number, NaT or pandas' NA.

    >>> import numpy as np
    >>> from decimal import Decimal
    >>> is_missing(np.float32("nan")), is_missing(Decimal("NaN")), is_missing("")
    (True, True, False)
    """
    if value is None:
        return True
    if isinstance(value, (str, bytes)) or getattr(value, "shape", ()) != ():
        return False
    try:
        return bool(value != value)
    except Exception:  # of NA, and of a signalling NaN, no comparison has a truth value
        return type(value).__name__ in ("NAType", "Decimal")


def plain(value: Any) -> Any:
    """The scalar in an array, tensor or Arrow scalar of no dimensions; anything else as it is.

    >>> import numpy as np, torch
    >>> plain(torch.tensor(3)), plain(np.array("a"))
    (np.int64(3), np.str_('a'))
    """
    if is_tensor(value) and value.ndim == 0:
        value = as_array(value)
    if is_array(value) and value.ndim == 0:
        return value[()]
    return value.as_py() if hasattr(value, "as_py") else value


def is_tensor(value: object) -> "TypeGuard[torch.Tensor]":
    """Whether a value is a tensor: never where torch is not imported."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_array(value: object) -> "TypeGuard[np.ndarray[Any, Any]]":
    """Whether a value is an array of numpy: never where numpy is not imported."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


def as_array(tensor: "torch.Tensor") -> "np.ndarray[Any, Any]":
    """The values of a tensor of any device and type, with or without a gradient."""
    import torch

    tensor = tensor.detach().cpu()
    if tensor.is_sparse:
        tensor = tensor.to_dense()
    tensor = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
    array: np.ndarray[Any, Any] = tensor.resolve_conj().resolve_neg().numpy()
    return array


def as_list(values: Any, argument: str) -> list[Any]:
    """The items of a list, array, tensor, series or any other iterable but a string or mapping.

    **Arguments:**

    - `values`: the items in their container.
    - `argument`: what they are, for the `DataError` if they are no such thing.

    >>> import numpy as np
    >>> as_list(np.array(["a", "b"]), "texts")
    [np.str_('a'), np.str_('b')]
    """
    if is_tensor(values):
        values = as_array(values)
    if is_array(values) and isinstance(values, sys.modules["numpy"].ma.MaskedArray):
        values = values.tolist() if values.ndim == 1 else list(values)
    for convert in ("to_list", "to_pylist"):
        if hasattr(values, convert):
            return list(getattr(values, convert)())
    no_items = isinstance(values, (str, bytes, Mapping)) or getattr(values, "ndim", 1) == 0
    if isinstance(values, Iterable) and not no_items:
        return list(values)
    raise DataError(f"{argument} must be a list, an array or a series, not {shown(values)}")


def text_of(value: Any) -> Any:
    """Bytes as the UTF-8 text that they are; anything else as it is.

    Raises `UnicodeDecodeError`.
    """
    value = plain(value)
    return bytes(value).decode() if isinstance(value, (bytes, bytearray)) else value
