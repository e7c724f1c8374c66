"""The half of a transducer that reads, and what joins it with the half that hears."""

from typing import Any

import torch
from torch import Tensor, nn

from elman.cells import Cell
from elman.nn import LockedDropout, Recurrent
from elman.tasks.speech.alphabet import BLANK


class Joint(nn.Module):
    """Scores of the next character from a frame and the text so far (Graves 2012, 2013).

    The text is read by a recurrent layer; both are brought to one length, added, put through tanh
    and scored. A head of the encoder: `forward` does what each frame needs only once.

    **Arguments:**

    - `size`: length of the encoder's vectors.
    - `characters`: the number of ids, blank included.
    - `cell`, `hidden_size`, `embedding_size`: of the network that reads.
    - `joint_size`: length at which both are added.
    - `dropout`: dropped share of the encoder's vectors and of the embedded characters.

    >>> joint = Joint(6, 4, joint_size=5)
    >>> heard = joint(torch.randn(7, 2, 6))
    >>> joint.lattice(heard, torch.tensor([[1, 2, 3], [2, 0, 0]])).shape
    torch.Size([2, 7, 4, 4])
    """

    def __init__(
        self,
        size: int,
        characters: int,
        *,
        cell: Cell | str = "lstm",
        hidden_size: int = 128,
        embedding_size: int = 64,
        joint_size: int = 128,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.dropout = LockedDropout(dropout)
        self.embedding = nn.Embedding(characters, embedding_size)
        self.recurrent = Recurrent(cell, embedding_size, hidden_size)
        self.heard = nn.Linear(size, joint_size)
        self.read = nn.Linear(hidden_size, joint_size, bias=False)
        self.scores = nn.Linear(joint_size, characters)

    def forward(self, output: Tensor, lengths: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """The encoder's output (T, B, size) to (T, B, joint_size), for `lattice` and `join`."""
        heard: Tensor = self.heard(self.dropout(output))
        return heard

    def lattice(self, heard: Tensor, targets: Tensor) -> Tensor:
        """The logits of every frame with every beginning of the texts.

        **Arguments:** `heard`: (T, B, joint_size); `targets`: (B, U) int64, padded with any ids.

        **Returns:** (B, T, U + 1, characters), as `transducer_loss` takes them.
        """
        before = torch.nn.functional.pad(targets, (1, 0), value=BLANK)
        output, _ = self.recurrent(self.dropout(self.embedding(before.T)))
        read = self.read(output).transpose(0, 1).unsqueeze(1)
        scores: Tensor = self.scores(torch.tanh(heard.transpose(0, 1).unsqueeze(2) + read))
        return scores

    def predict(self, ids: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Read a character of each of n texts: ids (n,) to vectors (n, joint_size) and states."""
        output, state = self.recurrent.step(
            self.embedding(ids.to(self.embedding.weight.device)), state
        )
        return self.read(output), state

    def join(self, heard: Tensor, read: Tensor) -> Tensor:
        """The scores (n, characters) of one frame, (1, joint_size), with n texts."""
        scores: Tensor = self.scores(torch.tanh(heard + read))
        return scores
