"""A model's network as it is exported: without training, on the CPU, in float32."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from elman.errors import ExportError
from elman.nn.modes import modes_kept


def network_of(model: Any) -> nn.Module:
    """The network of a trained task, or the module itself; ExportError for anything else."""
    found = model if isinstance(model, nn.Module) else getattr(model, "model", None)
    if isinstance(found, nn.Module):
        return found
    raise ExportError(
        f"model is a {type(model).__name__}: a trained task, a layer or a SequenceModel is needed"
    )


@contextmanager
def ready(network: nn.Module) -> Iterator[None]:
    """Whatever is done inside, the network is then in the modes and on the device it was on.

    Raises `ExportError` for weights that are not float32, or not finite.
    """
    tensors = dict([*network.named_parameters(), *network.named_buffers()])
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and tensor.dtype != torch.float32:
            kind = str(tensor.dtype).removeprefix("torch.")
            raise ExportError(f"{name} is {kind}: files hold float32; export model.float()")
        if not bool(tensor.isfinite().all()):
            raise ExportError(f"{name} holds NaN or infinity: the model gives no numbers")
    devices = {tensor.device for tensor in tensors.values()}
    if len(devices) > 1:
        raise ExportError(f"the weights lie on {', '.join(sorted(map(str, devices)))}: move them")
    with modes_kept(network):
        network.eval()
        network.cpu()
        try:
            yield
        finally:
            for device in devices:
                network.to(device)
