"""A decoder over the steps to come that attends to the past."""

import torch
from torch import Tensor, nn

from elman.cells import Cell
from elman.nn import Attention, LockedDropout, Recurrent
from elman.tasks.forecast.network import Origins, with_smoothing
from elman.tasks.forecast.quantiles import around


class AttentionHead(nn.Module):
    """Quantiles of all steps to come by an encoder-decoder.

    A second recurrence of the same cell runs over the steps to come, from a state made of the
    first one's output (Bahdanau et al. 2015, arXiv:1409.0473); at each step it has what is known
    beforehand and what simple rules say, and attends to the first one's outputs of the last
    `window` steps (Luong et al. 2015, arXiv:1508.04025). As in `QuantileHead` the median is a
    mixture of the rules and a correction.
    """

    def __init__(
        self,
        cell: Cell | str,
        size: int,
        *,
        window: int,
        targets: int,
        bases: int,
        ahead: int,
        horizon: int,
        quantiles: int,
        dropout: float,
        smoothed: bool,
    ) -> None:
        super().__init__()
        self.size, self.window, self.horizon, self.targets = size, window, horizon, targets
        self.smoothed, self.bases, self.quantiles = smoothed, bases + smoothed, quantiles
        self.dropout = LockedDropout(dropout)
        self.decoder = Recurrent(cell, ahead + targets * self.bases, size)
        self.bridge = nn.Linear(size, size * len(self.decoder.cell.state))
        self.query = Attention(size, size, kind="general", scaled=True)
        self.joined = nn.Linear(2 * size, size)
        self.mixture = nn.Linear(size, targets * self.bases)
        self.spread = nn.Linear(size, targets * (quantiles + 1))
        with torch.no_grad():
            for layer in (self.mixture, self.spread):
                layer.weight.zero_()
                layer.bias.zero_()
            self.mixture.bias.view(targets, self.bases)[..., -1] = 1.0
            self.spread.bias.view(targets, quantiles + 1).fill_(-2.0)[:, [quantiles // 2, -1]] = 0.0

    def forward(self, output: Tensor, given: Origins) -> Tensor:
        """Outputs of the last steps at the origins, (O, B, window * H), to (O, B, h, K, Q)."""
        output, rules = with_smoothing(output, given, smoothed=self.smoothed)
        count, batch = output.shape[:2]
        past = output.reshape(count * batch, self.window, self.size).transpose(0, 1)
        known = torch.cat([given.ahead, rules.flatten(-2)], -1).flatten(0, 1).transpose(0, 1)
        begin = self.bridge(past[-1]).tanh().unflatten(-1, (-1, self.size))
        states = tuple(part.contiguous() for part in begin.permute(1, 0, 2).unsqueeze(1))
        decoded, _ = self.decoder(known, states)
        there = (past != 0).any(-1)  # there is no output before a series begins
        context, _ = self.query.attend(decoded, self.query.prepare(past, mask=there))
        z = self.joined(torch.cat([decoded, context], -1)).tanh()
        z = self.dropout(z).transpose(0, 1).unflatten(0, (count, batch))
        weights = self.mixture(z).unflatten(-1, (self.targets, self.bases)).softmax(-1)
        parts = self.spread(z).unflatten(-1, (self.targets, self.quantiles + 1))
        median = (weights * rules).sum(-1) + parts[..., -1]
        return around(median, parts[..., :-1])
