import pytest
import torch
from torch import nn

from elman.train.eager import eager

KINDS = [
    *(torch.optim.AdamW, torch.optim.Adam, torch.optim.NAdam, torch.optim.RAdam),
    *(torch.optim.RMSprop, torch.optim.SGD),
]


def trained(kind: type[torch.optim.Optimizer]) -> tuple[torch.Tensor, dict[str, object]]:
    torch.manual_seed(0)
    layer = nn.Linear(3, 2)
    optimizer = kind(layer.parameters(), lr=0.1, weight_decay=0.1)  # type: ignore[call-arg]
    for _ in range(4):
        optimizer.zero_grad()
        layer(torch.ones(5, 3)).pow(2).sum().backward()
        optimizer.step()
    return layer.weight.detach(), optimizer.state_dict()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_steps_and_state_are_those_of_torch(kind: type[torch.optim.Optimizer]) -> None:
    expected, state = trained(kind)
    weights, own = trained(eager(kind))
    assert torch.equal(weights, expected)
    torch.testing.assert_close(own, state, rtol=0, atol=0)


def test_a_step_makes_no_graph_and_hooks_run() -> None:
    weight = nn.Parameter(torch.ones(2))
    optimizer = eager(torch.optim.SGD)([weight], lr=0.5)
    seen = []
    optimizer.register_step_post_hook(lambda *_: seen.append(torch.is_grad_enabled()))
    weight.grad = torch.ones(2)
    optimizer.step()
    assert weight.tolist() == [0.5, 0.5]
    assert seen == [True]
    assert weight.is_leaf


def test_state_goes_from_torch_s_optimizer_to_the_eager_one() -> None:
    _, state = trained(torch.optim.Adam)
    layer = nn.Linear(3, 2)
    optimizer = eager(torch.optim.Adam)(layer.parameters(), lr=0.1)
    optimizer.load_state_dict(state)
    torch.testing.assert_close(optimizer.state_dict(), state, rtol=0, atol=0)
