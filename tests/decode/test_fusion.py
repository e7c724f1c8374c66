import math

import numpy as np
import pytest
import torch

from elman.decode.alphabet import Alphabet
from elman.decode.ctc_beam import CTCBeam
from elman.decode.fusion import CharacterModel
from elman.errors import SettingsError
from elman.tasks import Language

ALPHABET = Alphabet(" AB")


@pytest.fixture(scope="module")
def language() -> Language:
    options = {"hidden_size": 12, "embedding_size": 6, "batch_size": 4, "chunk_length": 20}
    task = Language(epochs=6, lr=0.03, **options)
    return task.fit(["abab ab ab\nab ab\n" * 60], progress=False)


def expected(language: Language, text: str) -> float:
    """The log probability of a line, from all of it at once."""
    ids = torch.from_numpy(language.vocabulary.encode(f"\n{text}\n").astype(np.int64))
    with torch.no_grad():
        scores, _ = language.model(ids[:-1, None])
    return float(scores[:, 0].double().log_softmax(-1).gather(1, ids[1:, None]).sum())


def test_a_text_scores_as_its_line_does(language: Language) -> None:
    scorer = CharacterModel(ALPHABET, language, weight=0.5, bonus=0.25)
    for text in ("AB AB", "BA", ""):
        state, total = scorer.start(), 0.0
        for id in ALPHABET.encode(text):
            total += scorer.rows([state])[0, id]
            state = scorer.after(state, id)
        total += scorer.end(state)
        wanted = 0.5 * expected(language, text.lower()) + 0.25 * len(text)
        assert total == pytest.approx(wanted, abs=1e-5)


def test_many_at_once_score_as_each_alone(language: Language) -> None:
    scorer = CharacterModel(ALPHABET, language)
    states = [scorer.start()]
    for id in (2, 3, 1):
        states.append(scorer.after(states[-1], id))  # none of them read yet
    together = scorer.rows([states[3], states[0], states[2]])
    for row, text in zip(together, ([2, 3, 1], [], [2, 3]), strict=True):
        state = scorer.start()
        for id in text:
            state = scorer.after(state, id)
        np.testing.assert_allclose(row, scorer.rows([state])[0], atol=1e-6)
        assert row[0] == 0


def test_it_decides_where_the_sound_does_not(language: Language) -> None:
    unsure = np.log(np.array([[0.06, 0.02, 0.46, 0.46], [0.94, 0.02, 0.02, 0.02]] * 4))
    scorer = CharacterModel(ALPHABET, language, weight=0.7)
    found = CTCBeam(ALPHABET, scorers=[scorer]).decode(unsure, n=3)
    assert found[0].text == "ABAB"
    assert found[0].score > found[1].score > -math.inf


def test_models_that_do_not_fit(language: Language) -> None:
    with pytest.raises(SettingsError, match="does not know 'C', '1'"):
        CharacterModel(Alphabet("ABC1"), language)
    words = Language(tokens="bpe", vocabulary_size=300, hidden_size=4, epochs=1, batch_size=2)
    words.fit(["ab ab\n" * 200], progress=False)
    with pytest.raises(SettingsError, match="reads bpe"):
        CharacterModel(ALPHABET, words)
