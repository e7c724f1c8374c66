"""Train and eval mode of a network's modules."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def modes_kept(model: nn.Module) -> Iterator[None]:
    """Whatever is done inside, every module is in the train or eval mode it was in.

    >>> model = nn.Dropout().train()
    >>> with modes_kept(model):
    ...     _ = model.eval()
    >>> model.training
    True
    """
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            if module.training != training:  # to set it takes longer
                module.training = training
