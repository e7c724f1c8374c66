import pytest
import torch
from torch.testing import assert_close

from elman.nn import LockedDropout, TokenDropout


def test_locked_dropout_holds_its_mask_over_time() -> None:
    torch.manual_seed(0)
    dropout, x = LockedDropout(0.25), torch.ones(6, 20, 300)
    y = dropout(x)
    kept = y != 0
    assert bool((kept == kept[0]).all())
    assert kept.double().mean().item() == pytest.approx(0.75, abs=0.02)
    assert_close(y[kept], torch.full_like(y[kept], 1 / 0.75))
    assert not torch.equal(kept[0, 0], kept[0, 1])
    assert_close(dropout.eval()(x), x)
    assert repr(dropout) == "LockedDropout(p=0.25)"


def test_token_dropout_replaces_a_share() -> None:
    torch.manual_seed(0)
    dropout, tokens = TokenDropout(0.2, replacement=1), torch.full((100, 200), 7)
    changed = dropout(tokens)
    assert set(changed.unique().tolist()) == {1, 7}
    assert (changed == 1).double().mean().item() == pytest.approx(0.2, abs=0.01)
    assert torch.equal(dropout.eval()(tokens), tokens)
