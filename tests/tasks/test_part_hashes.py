"""Hashes of preprocessing tell what was learnt from other data."""

from small_tasks import MADE, SMALL

from elman.tasks.part_hashes import hashes_of
from elman.tasks.training import Training


def learnt(texts: list[str], labels: list[str]) -> dict[str, str]:
    task = MADE["classify"][0](**SMALL)
    Training(task, None, (texts, labels), (texts, labels))
    return hashes_of(task.preprocessing)


def test_other_words_and_other_labels_are_told() -> None:
    texts, labels = ["good film", "bad film"] * 6, ["+", "-"] * 6
    first = learnt(texts, labels)
    assert first == learnt(texts, labels)
    assert all(len(each) == 64 for each in first.values())
    words = learnt(["good play", "bad play"] * 6, labels)
    assert words["vocabulary.json"] != first["vocabulary.json"]
    assert learnt(texts, ["yes", "no"] * 6)["preprocessing"] != first["preprocessing"]
