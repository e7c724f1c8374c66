"""Translation from the command line: train, translate, measure, draw."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from elman.cli.app import main

pytest.importorskip("sacrebleu")

WORDS = ["null", "eins", "zwei", "drei", "vier"]
SETTINGS = """
    --source number --target german --tokens words --hidden-size 24 --embedding-size 16
    --lr 0.01 --warmup 0 --batch-size 100 --dropout 0 --input-dropout 0 --output-dropout 0
    --evaluate-every 40 --validation test.tsv
"""
PAIRS = [
    (f"{a} {b} {c}", f"{WORDS[a]} {WORDS[b]} {WORDS[c]}")
    for a in range(5)
    for b in range(5)
    for c in range(5)
]


def lines(pairs: list[tuple[str, str]]) -> str:
    return "number\tgerman\n" + "".join(f"{source}\t{target}\n" for source, target in pairs)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pairs, and two models trained on them by the command."""
    folder = tmp_path_factory.mktemp("translate")
    (folder / "pairs.tsv").write_text(lines(PAIRS))
    (folder / "test.tsv").write_text(lines(PAIRS[::4]))
    with gzip.open(folder / "corpus.number.gz", "wt") as file:
        file.write("".join(f"{source}\n" for source, _ in PAIRS))
    with gzip.open(folder / "corpus.german.gz", "wt") as file:
        file.write("".join(f"{target}\n" for _, target in PAIRS))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        main(["train", "translate", "--data", "pairs.tsv", *SETTINGS.split(), "--out", "model"])
        poor = [*SETTINGS.split(), "--epochs", "1", "--no-baselines", "--out", "poor"]
        main(["train", "translate", "--data", "corpus", *poor])
    return folder


def test_a_line_for_each_line(run: Any, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("predict", "model", "1 2 3") == (0, "eins zwei drei\n", "")
    (work / "in.txt").write_text("4 4 1\n\n0 2 2\n\n")
    assert run("predict", "model", "--data", "in.txt")[1] == "vier vier eins\n\nnull zwei zwei\n\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"3 0 3\n1 1 2\n")))
    assert run("predict", "model", "-")[1] == "drei null drei\neins eins zwei\n"


def test_rows(run: Any) -> None:
    row = json.loads(run("predict", "model", "1 2 3", "--json")[1])
    assert row["translation"] == "eins zwei drei"
    assert row["source"] == "1 2 3"
    best = [
        json.loads(text)
        for text in run("predict", "model", "1 2 3", "--n-best", "3", "--json")[1].splitlines()
    ]
    assert [each["rank"] for each in best] == [1, 2, 3]
    aligned = json.loads(run("predict", "model", "1 2 3", "--alignments", "--json")[1])
    assert aligned["alignment"] == "0-0 1-1 2-2"


def test_terms_and_a_prefix(run: Any, work: Path) -> None:
    (work / "terms.tsv").write_text("2\tzwei\n3\tvier\n")
    assert "vier" in run("predict", "model", "1 2 3", "--terms", "terms.tsv")[1].split()
    assert run("predict", "model", "1 2 3", "--prefix", "drei")[1].startswith("drei")


def test_drawn_tokens_follow_the_seed(run: Any) -> None:
    drawn = [
        run("predict", "model", "1 2 3", "--temperature", "9", "--seed", s)[1] for s in "0012345"
    ]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) > 1


def test_the_attention_is_drawn(run: Any, work: Path) -> None:
    assert run("predict", "model", "1 2 3", "--attention-plot", "map.png")[0] == 0
    assert (work / "map.png").read_bytes().startswith(b"\x89PNG")
    code, _, error = run("predict", "model", "1 2 3", "--attention-plot", "map.doc")
    assert code == 2
    assert "map.doc" in error


def test_evaluation_and_comparison(run: Any) -> None:
    metrics = json.loads(run("evaluate", "model", "--data", "test.tsv", "--json")[1])
    assert metrics["exact"] > 0.9
    assert set(metrics) == {"bleu", "chrf", "ter", "exact", "loss", "perplexity"}
    code, output, notes = run("evaluate", "model", "poor", "--data", "test.tsv", "--beam", "1")
    assert code == 0
    assert "poor" in output
    assert "nrefs:1" in notes
    rows = run("evaluate", "model", "--against", "poor", "--data", "test.tsv", "--json")[1]
    found = {row["metric"]: row for row in map(json.loads, rows.splitlines())}
    assert list(found) == ["bleu", "chrf", "ter"]
    assert found["chrf"]["own"] == pytest.approx(metrics["chrf"])
    assert found["chrf"]["other"] < found["chrf"]["own"]
    assert found["chrf"]["p"] < 0.01


def test_the_page_shows_translations_and_attention(work: Path) -> None:
    page = (work / "model" / "report.html").read_text()
    for words in ("Translations", "Attention", "nearest source", "A check of the training pairs"):
        assert words in page


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "translate", "--data", "pairs.tsv", "--source", "x"], "'number', 'german'"),
        (["train", "translate", "--data", "nowhere.tsv"], "nowhere.tsv"),
        (["train", "translate", "--data", "pairs.tsv", "--monolingual", "a.txt"], "go together"),
        (["predict", "model", "1", "--n-best", "0"], "n_best"),
        (["predict", "model", "1", "--beam", "2", "--n-best", "5"], "needs a beam as wide"),
        (["predict", "model"], "texts, or --data"),
        (["evaluate", "model", "--data", "in.txt"], "in.txt"),
    ],
)
def test_wrong_input_is_told_in_one_line(run: Any, words: list[str], message: str) -> None:
    code, _, error = run(*words)
    assert code == 2
    assert message in error
    assert error.count("\n") == 1
