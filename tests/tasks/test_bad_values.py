"""Whatever Classify and Language are given, the answer is one line in words."""

import pytest
from bad_values import BAD_VALUES, HUGE, problem, problems

from elman.tasks import Classify, Language

TEXTS = (["good film", "bad film"] * 4, ["+", "-"] * 4)
SEQUENCES = ([[[1.0, 2.0], [2.0, 3.0]], [[5.0, 6.0]]] * 4, ["a", "b"] * 4)
SEVERAL = (["good film", "bad film"] * 4, [["a", "b"], ["a"]] * 4)
SMALL = {
    "hidden_size": 4,
    "embedding_size": 4,
    "epochs": 1,
    "batch_size": 2,
    "max_steps": 1,
    "held_out": 0.5,
}
BOOK = ["one two three. " * 50]


@pytest.fixture(scope="module")
def classifiers():
    return [Classify(**SMALL).fit(data, progress=False) for data in (TEXTS, SEQUENCES, SEVERAL)]


@pytest.fixture(scope="module")
def writer(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return Language(**SMALL, chunk_length=5).fit(BOOK, progress=False)


@pytest.mark.parametrize(
    "verb", ["predict", "predict_proba", "rows", "evaluate", "report", "examine"]
)
def test_data_of_a_classifier(classifiers, verb, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert problems({str(i): getattr(task, verb) for i, task in enumerate(classifiers)}) == []


def test_training_data_of_a_classifier(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    calls = {
        "data": lambda v: Classify(**SMALL).fit(v, progress=False),
        "validation": lambda v: Classify(**SMALL).fit(TEXTS, v, progress=False),
    }
    assert problems(calls) == []


@pytest.mark.parametrize(
    "setting",
    [
        *("text", "label", "separator", "encoding", "delimiter", "tokens", "vocabulary_size"),
        *("min_count", "held_out", "bins", "lowercase", "metric"),
    ],
)
def test_settings_of_a_classifier(setting):
    columns = {"text": TEXTS[0], "label": TEXTS[1]}

    def fit(value):
        task = Classify(**{**SMALL, setting: value})
        task.fit(columns, progress=False)

    assert problems({setting: fit}) == []


@pytest.mark.parametrize("verb", ["predict", "rows", "evaluate", "generate", "examine"])
def test_data_of_a_language_model(writer, verb, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {"length": 2} if verb == "generate" else {}
    assert problems({verb: lambda v: getattr(writer, verb)(v, **options)}) == []


def test_training_data_of_a_language_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {**SMALL, "batch_size": 1, "chunk_length": 2}
    calls = {
        "data": lambda v: Language(**settings).fit(v, progress=False),
        "validation": lambda v: Language(**settings).fit(BOOK, v, progress=False),
        "encoding": lambda v: Language(**settings, encoding=v),
        "vocabulary_size": lambda v: Language(**settings, vocabulary_size=v),
        "tokens": lambda v: Language(**settings, tokens=v),
    }
    assert problems(calls) == []


@pytest.mark.parametrize("option", ["length", "temperature", "top_k", "top_p", "seed", "stop"])
def test_options_of_generate(writer, option):
    for value in BAD_VALUES:
        if option == "length" and value is HUGE:  # it would write for ever, as asked
            continue
        options = {"length": 2, option: value}
        assert problem(lambda options=options: writer.generate("a", **options)) is None, value
