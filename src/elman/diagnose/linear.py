"""The derivative of a recurrence's step, at all steps of a sequence at once.

A cell's equations are elementwise, so that the Jacobian of a step is made of diagonals and of the
recurrent matrix. The diagonals come from automatic differentiation, once for all steps; products
with the Jacobian are then a few multiplications and a matrix product each, and no Jacobian of a
product of steps need ever be formed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from elman.cells import Cell
from elman.nn.reference import State, Weights, product

Partials = tuple[tuple[Tensor | None, ...], ...]


@dataclass(frozen=True)
class Trajectory:
    """What one direction of one layer went through, in the order in which it read the steps.

    - `gates`: W x + b of every gate, (T, B, G*H).
    - `before`, `after`: each state before and after every step, (T, B, size).
    - `mask`: (T, B) bool, the steps that are real; None if all are.
    - `resets`: (T, B) bool, the steps before which the state was reset.
    - `zoneout`: the expected share that each state keeps, None or 0 for none.
    """

    cell: Cell
    weights: Weights
    gates: Tensor
    before: State
    after: State
    mask: Tensor | None = None
    resets: Tensor | None = None
    zoneout: Sequence[float | None] = ()


class Steps:
    """J_t = d s_t / d s_(t-1) of every step, s all states of a sequence side by side, (S,).

    **Arguments:** the `trajectory`, and the `dtype` to compute in.

    >>> import elman
    >>> from elman.diagnose.trajectory import run
    >>> steps = Steps(run(elman.GRU(3, 5), torch.randn(7, 2, 3))[0])
    >>> steps.length, steps.batch, steps.size
    (7, 2, 5)
    >>> v = torch.randn(2, 1, 5, dtype=torch.float64)
    >>> torch.allclose(steps.jvp(4, v)[:, 0], (steps.dense(4) @ v[:, 0, :, None])[..., 0])
    True
    """

    def __init__(self, trajectory: Trajectory, dtype: torch.dtype = torch.float64) -> None:
        made = _in(trajectory, dtype)
        self.weights, self.mask, self.resets = made.weights, made.mask, made.resets
        self.sizes = [part.shape[-1] for part in made.after]
        self.length, self.batch = made.after[0].shape[:2]
        self.size = sum(self.sizes)
        self.dtype, self.device = dtype, made.after[0].device
        self.zoneout = [rate or 0.0 for rate in made.zoneout] or [0.0] * len(self.sizes)
        self._normal: tuple[Tensor, Tensor] | None = None
        self.of_states, self.of_products = self._partials(made)

    def _partials(self, made: Trajectory) -> tuple[Partials, Partials]:
        """The diagonals: each new state's derivative by each old one and each product."""
        cell, w = made.cell, made.weights
        with torch.enable_grad():
            s = tuple(part.detach().requires_grad_() for part in made.before)
            r: tuple[Tensor, ...] = ()
            if w.hh is not None:
                raw = product(s[0].detach(), w.hh, w.bias_hh, w.norm_hh).detach()
                if w.norm_hh is not None:
                    plain = s[0].detach() @ w.hh.T
                    mean, var = plain.mean(-1, keepdim=True), plain.var(-1, False, keepdim=True)
                    scale = (var + 1e-5).rsqrt()
                    self._normal = ((plain - mean) * scale, scale)
                r = tuple(each.requires_grad_() for each in raw.chunk(len(cell.recurrent), -1))
            new = cell.advance(made.gates.chunk(len(cell.gates), -1), r, s, w.params)
            rows = []
            for index, part in enumerate(new):
                last = index == len(new) - 1
                found: Sequence[Tensor | None] = [None] * (len(s) + len(r))
                if part.requires_grad:
                    found = torch.autograd.grad(
                        part.sum(), [*s, *r], retain_graph=not last, allow_unused=True
                    )
                rows.append(found)
        k = len(s)
        return tuple(tuple(row[:k]) for row in rows), tuple(tuple(row[k:]) for row in rows)

    def retention(self) -> list[Tensor]:
        """The share of itself that each state hands on past the products, (T, B, H) each.

        It is the diagonal d s_t / d s_(t-1) at fixed recurrent products: an LSTM's forget gate,
        a GRU's z, 0 for a simple network.
        """
        kept = []
        for index, (rate, row) in enumerate(zip(self.zoneout, self.of_states, strict=True)):
            own = row[index]
            if own is None:
                shape = (self.length, self.batch, self.sizes[index])
                own = torch.zeros(shape, dtype=self.dtype, device=self.device)
            kept.append(rate + (1 - rate) * own)
        return kept

    def _of_product(self, t: int, u: Tensor) -> Tensor:
        """The (symmetric) derivative of the normalisation before its gain, applied to u."""
        assert self._normal is not None
        z, scale = (each[t].unsqueeze(1) for each in self._normal)
        return scale * (u - u.mean(-1, keepdim=True) - z * (z * u).mean(-1, keepdim=True))

    def jvp(self, t: int, v: Tensor) -> Tensor:
        """J_t v for k vectors a sequence: (B, k, S) to the same."""
        w = self.weights
        if self.resets is not None:
            v = v.masked_fill(self.resets[t].view(-1, 1, 1), 0)
        parts = torch.split(v, self.sizes, -1)
        u: tuple[Tensor, ...] = ()
        if w.hh is not None:
            flat = parts[0] @ w.hh.T
            if w.norm_hh is not None:
                flat = self._of_product(t, flat) * w.norm_hh
            u = flat.chunk(len(self.of_products[0]), -1)
        new = []
        for index, rate in enumerate(self.zoneout):
            pairs = zip(
                (*self.of_states[index], *self.of_products[index]), (*parts, *u), strict=True
            )
            terms = [d[t].unsqueeze(1) * each for d, each in pairs if d is not None]
            total = sum(terms[1:], terms[0]) if terms else None
            if index == 0 and w.hr is not None and total is not None:
                total = total @ w.hr.T
            total = torch.zeros_like(parts[index]) if total is None else total
            new.append(rate * parts[index] + (1 - rate) * total if rate else total)
        out = torch.cat(new, -1)
        return out if self.mask is None else torch.where(self.mask[t].view(-1, 1, 1), out, v)

    def vjp(self, t: int, g: Tensor) -> Tensor:
        """J_t^T g for k vectors a sequence: (B, k, S) to the same."""
        w = self.weights
        parts = list(torch.split(g, self.sizes, -1))
        rates = list(zip(self.zoneout, parts, strict=True))
        inner = [(1 - rate) * part if rate else part for rate, part in rates]
        if w.hr is not None:
            inner[0] = inner[0] @ w.hr
        old = [rate * part if rate else None for rate, part in rates]
        for j in range(len(parts)):
            for index, part in enumerate(inner):
                d = self.of_states[index][j]
                if d is not None:
                    term = d[t].unsqueeze(1) * part
                    own = old[j]
                    old[j] = term if own is None else own + term
        if w.hh is not None:
            gates = []
            for q in range(len(self.of_products[0])):
                terms = [
                    row[q][t].unsqueeze(1) * part  # type: ignore[index]
                    for row, part in zip(self.of_products, inner, strict=True)
                    if row[q] is not None
                ]
                width = len(w.hh) // len(self.of_products[0])
                nothing = g.new_zeros(*g.shape[:2], width)
                gates.append(sum(terms[1:], terms[0]) if terms else nothing)
            flat = torch.cat(gates, -1) if len(gates) > 1 else gates[0]
            if w.norm_hh is not None:
                flat = self._of_product(t, flat * w.norm_hh)
            through = flat @ w.hh
            old[0] = through if old[0] is None else old[0] + through
        out = torch.cat(
            [torch.zeros_like(p) if o is None else o for o, p in zip(old, parts, strict=True)], -1
        )
        if self.mask is not None:
            out = torch.where(self.mask[t].view(-1, 1, 1), out, g)
        if self.resets is not None:
            out = out.masked_fill(self.resets[t].view(-1, 1, 1), 0)
        return out

    def dense(self, t: int) -> Tensor:
        """J_t itself, (B, S, S)."""
        eye = torch.eye(self.size, dtype=self.dtype, device=self.device)
        return self.jvp(t, eye.expand(self.batch, -1, -1)).transpose(1, 2)


def keeps(cell: Cell, index: int) -> bool:
    """Whether a cell's new state number `index` depends elementwise on the old one.

    >>> from elman.cells import GRU, LSTM
    >>> keeps(GRU(), 0), keeps(LSTM(), 0), keeps(LSTM(), 1)
    (True, False, True)
    """

    def some(names: Sequence[str]) -> tuple[Tensor, ...]:
        return tuple(torch.full((2, 2), 0.5) for _ in names)

    with torch.enable_grad():
        s = tuple(part.requires_grad_() for part in some(cell.state))
        params = tuple(torch.full((2,), 0.5) for _ in cell.params)
        new = cell.advance(some(cell.gates), some(cell.recurrent), s, params)[index]
        if not new.requires_grad:
            return False
        return torch.autograd.grad(new.sum(), s[index], allow_unused=True)[0] is not None


def _in(made: Trajectory, dtype: torch.dtype) -> Trajectory:
    """The same in another dtype, without history."""

    def to(value: Tensor) -> Tensor:
        return value.detach().to(dtype)

    def states(given: State) -> State:
        return tuple(to(part) for part in given)

    *plain, params = made.weights
    weights = Weights._make([*(None if p is None else to(p) for p in plain), states(params)])
    return Trajectory(
        made.cell,
        weights,
        to(made.gates),
        states(made.before),
        states(made.after),
        made.mask,
        made.resets,
        made.zoneout,
    )
