"""The recurrence on a GPU in torch's autograd."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.compiler.differentiable import Flat, differentiable, not_a_view
from elman.compiler.expression import evaluate, read
from elman.compiler.gpu import runtime
from elman.compiler.gpu.call import Call
from elman.compiler.operands import Operands, operands_of


def run(call: Call, o: Operands) -> list[Tensor]:
    """Sequences of states, (T, B, H) each, and the last states, (B, H) each, by kernels."""
    flat = o.flat()
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in flat):
        return list(_apply(call, *flat))
    return runtime.forward(call, o, saving=False)[0]


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: Call, *flat: Tensor | None) -> tuple[Tensor, ...]:
        results, ctx.tape = runtime.forward(call, operands_of(call.step, flat), saving=True)
        ctx.call, ctx.inputs = call, len(flat)
        results = [not_a_view(each) for each in results]
        # The results stand here so that autograd sees when they are modified in place.
        ctx.save_for_backward(*flat, *results)
        ctx.set_materialize_grads(False)
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        call, flat = ctx.call, ctx.saved_tensors[: ctx.inputs]
        if all(g is None for g in gradients):
            return (None,) * (1 + len(flat))
        if torch.is_grad_enabled():
            again = differentiable(lambda own: step_by_step(call, own), flat, gradients)
            return (None, *again)
        o = operands_of(call.step, flat)
        tape = ctx.tape
        if tape.gates is None:  # a backward pass before has used it up
            tape = runtime.forward(call, o, saving=True)[1]
        return (None, *runtime.backward(call, o, tape, gradients, ctx.needs_input_grad[1:]))


# What stands before it looks at each argument for torch.func's wrappers, which never come here.
_apply: Any = super(torch.autograd.Function, _Recurrence).apply


def step_by_step(call: Call, flat: Flat) -> list[Tensor]:
    """What the kernels compute, on tensors: slow, differentiable any number of times."""
    o = operands_of(call.step, flat)
    step, steps = call.step, len(o.x)
    x = o.x if o.ih is None else F.linear(o.x, o.ih, o.bias_ih)
    state = list(o.state)
    values: list[list[Tensor]] = [[state[0]] * steps for _ in state]
    for t in reversed(range(steps)) if call.reverse else range(steps):
        if call.resets is not None:
            fresh = call.resets[t].unsqueeze(1)
            state = [torch.where(fresh, n, s) for n, s in zip(o.initial, state, strict=True)]
        inputs = {read("x", g): part for g, part in enumerate(x[t].chunk(step.gates, -1))}
        inputs |= {read("s", i): s for i, s in enumerate(state)}
        inputs |= {read("p", i): p.expand_as(state[0]) for i, p in enumerate(o.params)}
        inputs |= {read("z", i): z[t] for i, z in zip(step.zones, o.zones, strict=True)}
        feed = state[0]
        if o.h_mask is not None:
            inputs[read("m", 0)] = o.h_mask
            feed = feed * o.h_mask
        if o.hh is not None:
            products = F.linear(feed, o.hh, o.bias_hh).chunk(len(step.recurrent), -1)
            inputs |= {read("r", q): r for q, r in enumerate(products)}
        new = outputs = evaluate(step.new, inputs)
        if call.lengths is not None:
            live = (t < call.lengths).unsqueeze(1)
            outputs = [torch.where(live, n, torch.zeros_like(n)) for n in new]
            new = [torch.where(live, n, s) for n, s in zip(new, state, strict=True)]
        for each, value in zip(values, outputs, strict=True):
            each[t] = value
        state = new
    kept = values if call.every_state else values[:1]
    return [*(torch.stack(each) for each in kept), *state]
