"""Whether torch records what is run, instead of only running it."""

import torch


def in_graph() -> bool:
    """Whether torch.compile or torch.export makes a graph of what runs."""
    return torch.compiler.is_compiling()


def recorded() -> bool:
    """Whether operations are traced (torch.jit.trace), or run in a dispatch mode, which sees
    torch's operations alone: fake tensors, make_fx, counters of operations. Not so in a graph."""
    if in_graph():
        return False
    return torch._C._is_tracing() or torch._C._len_torch_dispatch_stack() > 0
