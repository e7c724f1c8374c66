"""What an export of a language model says of the n-grams beside its network."""

from pathlib import Path

import pytest

import elman
from elman.tasks import Language

TEXT = "the cat sat on the mat. a dog ran to the hut. " * 60
SMALL = {"hidden_size": 4, "embedding_size": 4, "max_steps": 2, "baselines": False}


@pytest.mark.parametrize("ngram_model", [True, False])
def test_n_grams_that_are_left_out_are_told(tmp_path: Path, ngram_model: bool) -> None:
    task = Language(**SMALL, ngram_model=ngram_model).fit([TEXT], [TEXT[:900]], progress=False)
    done = elman.export(task, tmp_path / "exported", to="onnx", data=[TEXT[:900]])
    found = [note for note in done.notes if "n-grams" in note]
    assert found == (
        [f"without the n-grams beside the network, whose share in elman is {task.ngram_share:.2f}"]
        if ngram_model
        else []
    )
