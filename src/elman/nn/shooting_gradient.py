"""The gradient through chunks that were run at the same time.

Backwards the recurrence is linear in the gradient of the state, and it forgets as it does forwards.
So what flows into a chunk's last state is first taken from the next chunk's first steps alone;
then all chunks are run backwards at the same time, and what their first states get is compared with
what was assumed. A difference is run backwards, too, and added.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from elman.compiler.differentiable import Flat, differentiable
from elman.nn.chunks import Run, States
from elman.nn.shooting import Trajectory

_COARSER = 10  # than the states' tolerance is the gradients'


class Link:
    """A trajectory whose results are to be differentiated with respect to the layer's operands."""

    def __init__(
        self,
        run: Run,
        found: Trajectory,
        lengths: Tensor | None,
        tolerance: float,
        parameters: Sequence[Tensor],
        whole: Callable[[Flat], Sequence[Tensor]],
    ) -> None:
        self.run, self.found, self.tolerance = run, found, _COARSER * tolerance
        self.parameters, self.whole = parameters, whole
        self.index = found.chunks.last_rows(lengths, found.rows.x.device)

    def results(self) -> list[Tensor]:
        """The sequences, (T, ..., B, features), and the last states."""
        found = self.found
        outputs = [found.chunks.join(each.detach()) for each in found.outputs]
        return [*outputs, *(each.detach().index_select(-2, self.index) for each in found.ends)]

    def gradients(self, given: Flat) -> list[Tensor | None]:
        """Of x, the states before the first step and the parameters, from those of the results."""
        found, batch = self.found, self.found.chunks.batch
        count = len(found.outputs)
        flows = [None if g is None else found.chunks.split(g) for g in given[:count]]
        into_ends = [torch.zeros_like(each) for each in found.ends]
        for into, g in zip(into_ends, given[count:], strict=True):
            if g is not None:
                into.index_copy_(into.dim() - 2, self.index, g)
        assumed = self._from_heads(flows, into_ends)
        for into, each in zip(into_ends, assumed, strict=True):
            into[..., :-batch, :] += each
        total = self._backward([*flows, *into_ends])
        scale = max(_largest(flows), _largest(into_ends))
        for _ in range(found.chunks.number - 1):
            missing = [
                (0 if g is None else g[..., batch:, :]) - a
                for g, a in zip(total[1 : 1 + len(assumed)], assumed, strict=True)
            ]
            if max(float(m.abs().amax()) for m in missing) <= self.tolerance * scale:
                break
            late = [torch.zeros_like(each) for each in found.ends]
            for each, m in zip(late, missing, strict=True):
                each[..., :-batch, :] = m
            more = self._backward([*[None] * count, *late])
            total = [_sum(a, b) for a, b in zip(total, more, strict=True)]
            assumed = [a + m for a, m in zip(assumed, missing, strict=True)]
        states = [None if g is None else g[..., :batch, :] for g in total[1 : 1 + len(assumed)]]
        d_x = None if total[0] is None else found.chunks.join(total[0])
        return [d_x, *states, *total[1 + len(assumed) :]]

    def _backward(self, gradients: Flat) -> list[Tensor | None]:
        """From those of the rows' results: of their input, their first states, the parameters."""
        found = self.found
        pairs = [
            (result, g)
            for result, g in zip((*found.outputs, *found.ends), gradients, strict=True)
            if g is not None and result.requires_grad
        ]
        operands = [found.rows.x, *found.starts, *self.parameters]
        flow = iter(
            torch.autograd.grad(
                [result for result, _ in pairs],
                [each for each in operands if each.requires_grad],
                [g for _, g in pairs],
                retain_graph=True,
                allow_unused=True,
            )
        )
        return [next(flow) if each.requires_grad else None for each in operands]

    def _from_heads(self, flows: Flat, into_ends: Sequence[Tensor]) -> list[Tensor]:
        """What flows into the last states of all chunks but the last one, from the first steps of
        the next ones."""
        found = self.found
        batch, steps = found.chunks.batch, found.warm_up
        after = slice(batch, None)
        heads = found.rows._replace(x=found.rows.x.detach()).rows(after).steps(0, steps)
        starts = [each.detach()[..., after, :].requires_grad_() for each in found.starts]
        with torch.enable_grad():
            outputs, ends = self.run(heads, tuple(starts))
        results = [*outputs, *ends]
        into: list[Tensor | None] = [None if f is None else f[:steps, ..., after, :] for f in flows]
        into += [None] * len(ends)
        lengths = found.rows.lengths
        if lengths is not None:  # a sequence that ends here gives its last state's gradient
            ended = (lengths[after] <= steps).unsqueeze(-1)
            into[len(flows) :] = [g[..., after, :] * ended for g in into_ends]
        pairs = [
            (r, g) for r, g in zip(results, into, strict=True) if g is not None and r.requires_grad
        ]
        if not pairs:
            return [torch.zeros_like(each) for each in starts]
        gradients = torch.autograd.grad(
            [r for r, _ in pairs], starts, [g for _, g in pairs], allow_unused=True
        )
        return [
            torch.zeros_like(s) if g is None else g for s, g in zip(starts, gradients, strict=True)
        ]


def _largest(tensors: Flat) -> float:
    return max((float(t.abs().amax()) for t in tensors if t is not None and t.numel()), default=0.0)


def _sum(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    return b if a is None else a if b is None else a + b


class _Chunks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, link: Link, *operands: Tensor) -> tuple[Tensor, ...]:
        ctx.link = link
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*operands)
        return tuple(link.results())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        link, operands = ctx.link, ctx.saved_tensors
        if torch.is_grad_enabled():
            return None, *differentiable(link.whole, operands, gradients)
        return None, *link.gradients(gradients)


def linked(link: Link, x: Tensor, first: States) -> tuple[list[Tensor], States]:
    """The trajectory's sequences and last states within torch's autograd."""
    apply: Any = _Chunks.apply
    results = apply(link, x, *first, *link.parameters)
    count = len(link.found.outputs)
    return list(results[:count]), tuple(results[count:])
