"""The baselines of a classifier: of texts n-grams, of sequences their statistics and DTW."""

from elman.baselines import Baseline
from elman.baselines.dtw import dtw
from elman.baselines.majority import majority
from elman.baselines.ngram_linear import ngram_linear
from elman.baselines.summary_linear import summary_linear
from elman.tasks.classify.dataset import ClassifyData
from elman.tasks.classify.preprocessing import ClassifyPreprocessing


def baselines(
    train: ClassifyData, held_out: ClassifyData, known: ClassifyPreprocessing, seed: int
) -> list[Baseline]:
    """The most frequent class and linear models; of features and sound the nearest neighbour, too.

    A model trained on the same data has the same inputs: `known` computes the features of sound.
    """
    labels = train.plain_labels(several=known.several)
    actual = held_out.plain_labels(several=known.several)
    found = [majority(labels, actual)]
    if known.vocabulary is not None:
        texts, new = train.texts, held_out.texts
        return [
            *found,
            ngram_linear(texts, labels, new, actual, several=known.several, seed=seed),
        ]
    sequences, others = (
        [steps.numpy() for steps in known.sequences(data)] for data in (train, held_out)
    )
    return [
        *found,
        summary_linear(sequences, labels, others, actual, several=known.several, seed=seed),
        dtw(sequences, labels, others, actual, seed=seed),
    ]
