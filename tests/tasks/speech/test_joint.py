import numpy as np
import pytest
import torch
from torch import Tensor

from elman.nn import Recurrent
from elman.tasks.speech.alignment import cer
from elman.tasks.speech.alphabet import Alphabet
from elman.tasks.speech.joint import Joint
from elman.tasks.speech.transducer import transducer_loss
from elman.tasks.speech.transducer_search import TransducerBeam, TransducerGreedy

ALPHABET = Alphabet(" abc")


@torch.no_grad()
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_reading_step_by_step_gives_the_lattice(cell: str) -> None:
    joint = Joint(6, ALPHABET.size, cell=cell, hidden_size=7, joint_size=8)
    heard = joint(torch.randn(5, 1, 6))
    targets = torch.tensor([[2, 3, 1]])
    lattice = joint.lattice(heard, targets)
    state = None
    for u, id in enumerate([0, *targets[0].tolist()]):
        read, state = joint.predict(torch.tensor([id]), state)
        for t in range(5):
            torch.testing.assert_close(joint.join(heard[t], read)[0], lattice[0, t, u])


def spoken(text: str, random: np.random.Generator) -> Tensor:
    """Noisy frames, one to three for each character, and which are all that tells them."""
    frames = [
        np.eye(ALPHABET.size)[id] + 0.3 * random.normal(size=ALPHABET.size)
        for id in ALPHABET.encode(text)
        for _ in range(random.integers(1, 4))
    ]
    return torch.tensor(np.array(frames), dtype=torch.float32)


def texts(count: int, random: np.random.Generator) -> list[str]:
    """No character twice in a row, for their frames would say nothing of how often."""
    found = []
    for _ in range(count):
        text = "a"
        while len(text) < 6:
            text += random.choice([c for c in "abc" if c != text[-1]])
        found.append(text)
    return found


@pytest.mark.slow
def test_it_learns_to_write_what_it_hears() -> None:
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    encoder = Recurrent("gru", ALPHABET.size, 24)
    joint = Joint(24, ALPHABET.size, cell="gru", hidden_size=16, embedding_size=8, joint_size=24)
    optimiser = torch.optim.Adam([*encoder.parameters(), *joint.parameters()], 0.01)
    for _ in range(150):
        said = texts(16, random)
        frames = [spoken(text, random) for text in said]
        lengths = torch.tensor([len(each) for each in frames])
        targets = torch.tensor([ALPHABET.encode(text) for text in said])
        output, _ = encoder(torch.nn.utils.rnn.pad_sequence(frames), lengths=lengths)
        logits = joint.lattice(joint(output), targets)
        counts = torch.full((16,), targets.shape[1])
        loss = transducer_loss(logits, targets, lengths, counts).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    said = texts(20, random)
    with torch.no_grad():
        heard = [joint(encoder(spoken(text, random)[:, None])[0])[:, 0] for text in said]
    for decoder in (TransducerGreedy(ALPHABET, joint), TransducerBeam(ALPHABET, joint, width=4)):
        written = [decoder.decode(each)[0].text for each in heard]
        assert cer(said, written).rate < 0.05
