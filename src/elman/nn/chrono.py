"""Chrono initialisation: first biases for memories of a given length."""

import torch

from elman.errors import SettingsError
from elman.messages import shown
from elman.nn.recurrent import Recurrent


@torch.no_grad()
def chrono(layer: Recurrent, longest: float, *, seed: int | None = None) -> Recurrent:
    """Draw a layer's forget biases so that its units forget over 1 to `longest` steps.

    Tallec & Ollivier 2018, *Can recurrent neural networks warp time?* (arXiv:1804.11188): the bias
    of the gate that keeps the state is log(u), u uniform from 1 to `longest` - 1, and an input gate
    of its own (`i`) gets the negative. A unit then keeps u / (1 + u) of itself a step, about
    exp(-1 / u), where no input says otherwise.

    **Arguments:**

    - `layer`: of any cell that names its `forget` gate, with biases; changed in place, all of its
      layers and directions.
    - `longest`: the longest lag of the task, in steps, 3 or more.
    - `seed`: of the draw; torch's global generator if None.

    **Returns:** the layer. **Raises:** `SettingsError` where there is no such gate or bias.

    >>> layer = chrono(Recurrent("lstm", 3, 5), longest=100, seed=0)
    >>> i, f, _, _ = layer.bias_ih_l0.chunk(4)
    >>> torch.equal(i, -f), bool((f >= 0).all()), bool((f <= 4.6).all())
    (True, True, True)
    """
    if not isinstance(layer, Recurrent):
        raise SettingsError(f"layer must be an elman layer, got {type(layer).__name__}")
    cell = layer.cell
    if cell.forget is None or not layer.bias:
        lack = "no biases" if cell.forget else "no forget gate"
        raise SettingsError(f"chrono initialisation needs a forget gate: the layer has {lack}")
    if not isinstance(longest, int | float) or not 3 <= longest <= 1e12:
        raise SettingsError(f"longest must be 3 steps or more, got {shown(longest)}")
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    size = layer.hidden_size
    signs = {cell.forget: 1.0, **({"i": -1.0} if "i" in cell.gates and cell.forget != "i" else {})}
    for name, bias in layer.named_parameters():
        if not name.startswith("bias_ih_"):
            continue
        drawn = torch.empty(size).uniform_(1, longest - 1, generator=generator).log()
        second = dict(layer.named_parameters()).get(name.replace("bias_ih_", "bias_hh_"))
        for gate, sign in signs.items():
            at = cell.gates.index(gate) * size
            bias[at : at + size] = sign * drawn.to(bias)
            if second is not None and gate in cell.recurrent:
                at = cell.recurrent.index(gate) * size
                second[at : at + size] = 0.0
    return layer
