import numpy as np

from elman.data import Examples
from elman.data.datasets.builtin import topics_text
from elman.quickstart.lines import by_module
from elman.quickstart.writer import prose


def test_no_module_is_in_both_parts() -> None:
    names = [f"{module}.py:{line}" for module in "abcdefghij" for line in range(ord(module) - 90)]
    texts = [f"text {i}" for i in range(len(names))]
    examples = Examples(texts, ["x"] * len(names), names)
    for seed in range(20):
        first, second = by_module(examples, 0.2, seed)
        modules = [{name.split(":")[0] for name in part.names} for part in (first, second)]
        assert not modules[0] & modules[1]
        assert len(first) + len(second) == len(examples)
        assert len(second) >= 0.2 * len(examples)
        assert len(second) - len(examples) / 10 < 0.3 * len(examples)
        order = [texts.index(str(text)) for text in second.inputs]
        assert order == sorted(order)


def test_held_out_paragraphs_are_not_in_the_training_text() -> None:
    text = prose(topics_text())
    paragraphs = text.split("\n\n")
    assert len(set(paragraphs)) == len(paragraphs)
    assert len(text) > 200_000
    letters = np.frombuffer(text.encode("ascii", "replace"), np.uint8)
    assert (letters == ord("|")).mean() < 0.001
