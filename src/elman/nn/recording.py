"""Whether torch records what is run, instead of only running it."""

import torch
from torch.autograd import forward_ad


def in_graph() -> bool:
    """Whether torch.compile or torch.export makes a graph of what runs."""
    return torch.compiler.is_compiling()


def recorded() -> bool:
    """Whether operations are traced (torch.jit.trace), or run in a dispatch mode, which sees
    torch's operations alone: fake tensors, make_fx, counters of operations. Not so in a graph."""
    if in_graph():
        return False
    return torch._C._is_tracing() or torch._C._len_torch_dispatch_stack() > 0


def alone() -> bool:
    """Whether operations do no more than they are: not recorded, not within torch.func or
    forward-mode AD, and not under autocast. Not to be asked in a graph."""
    return not (
        torch._C._is_tracing()
        or torch._C._len_torch_dispatch_stack()
        or torch._C._functorch.peek_interpreter_stack() is not None
        or forward_ad._current_level >= 0
        or torch.is_autocast_enabled("cpu")
    )
