"""Read a price series as it comes, one step at a time, with the state carried from call to call."""

import numpy as np
import torch

import elman
from elman.data import goog

prices = torch.from_numpy(np.asarray(goog().values, dtype=np.float32))
returns = prices.log().diff(dim=0)
layer = elman.LSTM(returns.shape[1], 16)

state = None
for x_t in returns:
    output, state = layer.step(x_t.unsqueeze(0), state)

at_once, _ = layer(returns.unsqueeze(1))
print("the same as all at once:", torch.allclose(output, at_once[-1], atol=1e-6))
