import json
import subprocess
import sys
import warnings
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pages import checked, section

import elman
from elman.errors import FileError
from elman.tasks import Classify, Language
from elman.tasks.run_report import advice
from elman.tasks.run_report.run import Own, Run

SMALL: dict[str, Any] = {"hidden_size": 4, "embedding_size": 4, "bidirectional": False}
HTML = '<script src="x.js"></script><img src="x" onerror="y()">'


def texts(count: int = 60) -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(0)
    words = {"good": ["fine", "great"], "bad": ["poor", "awful"]}
    labels = ["good", "bad"] * (count // 2)
    return [f"a {rng.choice(words[label])} film no {i}" for i, label in enumerate(labels)], labels


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Classify, str]:
    inputs, labels = texts()
    unseen, answers = texts(40)
    unseen[0], answers[1] = f"{HTML} {'z' * 500}", "good"
    inputs += ["the same", "the same", unseen[0]]
    labels += ["good", "bad", "good"]
    folder = tmp_path_factory.mktemp("page") / "run"
    task = Classify(**SMALL, lr=0.03, epochs=15, evaluate_every=10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it may be no better than a baseline
        task.fit((inputs, labels), (unseen, answers), folder=folder, progress=False)
    assert task.report_page == folder / "report.html"
    return task, task.report_page.read_text()


def test_the_page_is_whole_and_loads_nothing(run: tuple[Classify, str]) -> None:
    text = checked(run[1])
    assert "classify: lstm, 1 × 4 hidden units" in text
    assert "<script" not in run[1]
    assert "&lt;script src=" in run[1]
    assert "z" * 301 not in text  # long inputs are cut


def test_metrics_stand_beside_the_baselines(run: tuple[Classify, str]) -> None:
    task, page = run
    part = section(page, "Result")
    assert f"<dd>{task.record['metrics']['accuracy']:.4g}</dd>" in part
    for row in task.record["baselines"]:
        assert row["name"] in part
        assert f"{row['low']:+.4f} to {row['high']:+.4f}" in part


def test_curves_mark_the_best_step(run: tuple[Classify, str]) -> None:
    task, page = run
    part = section(page, "Training")
    assert f"the weights of step {task.record['training']['best_step']} are kept" in part
    assert part.count("<svg") == 3  # loss, accuracy, learning rate
    assert "best step" in part


def test_settings_given_are_told_from_chosen_ones(run: tuple[Classify, str]) -> None:
    part = section(run[1], "Plan and settings")
    given, _, rest = part.partition("Chosen from the data.")
    assert ">hidden_size<" in given
    assert ">batch_size<" not in given
    assert ">batch_size<" in rest.partition("<details>")[0]
    assert ">min_count<" in rest.partition("<details>")[2]
    for line in run[0].planned:
        assert escape(line) in given


def test_the_gradient_is_followed(run: tuple[Classify, str]) -> None:
    part = section(run[1], "Gradient through time")
    assert "memory is" in part
    assert part.count("<svg") == 1


def test_a_saved_model_needs_no_report(run: tuple[Classify, str], tmp_path: Path) -> None:
    run[0].save(tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere" / "report.html").exists()
    assert elman.load(tmp_path / "elsewhere").report_page is None


class Failing(Classify):
    def report_parts(self, train: Any, held_out: Any) -> Own:
        return Own({"Own": self.fail, "Other": lambda: ["<p>other</p>"]}, self.fail)

    def fail(self) -> list[str]:
        raise KeyError("no such <thing>")


def test_a_section_that_fails_is_left_out(tmp_path: Path) -> None:
    task = Failing(**SMALL, max_steps=2, baselines=False)
    with pytest.warns(UserWarning, match=r"report.html: ") as caught:
        task.fit(texts(), folder=tmp_path / "run", progress=False)
    assert len(caught) == 2
    page = (tmp_path / "run" / "report.html").read_text()
    checked(page)
    assert "KeyError: &#x27;no such &lt;thing&gt;&#x27;" in section(page, "Own")
    assert "other" in section(page, "Other")
    assert elman.load(tmp_path / "run").predict(["a film"])
    assert task.predict(["a film"])


class Broken(Classify):
    def report_parts(self, train: Any, held_out: Any) -> Own:
        raise RuntimeError("nothing to tell")


def test_a_task_whose_report_fails_has_the_common_sections(tmp_path: Path) -> None:
    task = Broken(**SMALL, max_steps=2, baselines=False)
    with pytest.warns(UserWarning, match="nothing to tell"):
        task.fit(texts(), folder=tmp_path / "run", progress=False)
    assert "Gradient through time" in (tmp_path / "run" / "report.html").read_text()


def test_a_page_that_cannot_be_written_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: str) -> Path:
        raise FileError("no room")

    monkeypatch.setattr("elman.html.write_page", full)
    task = Classify(**SMALL, max_steps=2, baselines=False)
    with pytest.warns(UserWarning, match="it is not written: FileError: no room"):
        task.fit(texts(), folder=tmp_path / "run", progress=False)
    assert task.report_page is None
    assert elman.load(tmp_path / "run").predict(["a film"])


def test_a_warning_that_is_an_error_does_not_lose_the_model(tmp_path: Path) -> None:
    task = Broken(**SMALL, max_steps=2, baselines=False)
    with pytest.raises(UserWarning, match="nothing to tell"):
        task.fit(texts(), folder=tmp_path / "run", progress=False)
    assert task.predict(["a film"])
    assert elman.load(tmp_path / "run").predict(["a film"])


def test_a_page_of_somebody_else_stays(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    first = Classify(**SMALL, max_steps=2, baselines=False)
    first.fit(texts(), folder=folder, progress=False)
    (folder / "report.html").write_text("mine")
    with pytest.raises(FileError, match=r"report\.html would be overwritten"):
        first.fit(texts(), folder=folder, progress=False, resume=True)
    assert (folder / "report.html").read_text() == "mine"


def test_the_report_changes_nothing(tmp_path: Path) -> None:
    found: dict[str, Mapping[str, torch.Tensor]] = {}
    for name in ("with", "without"):
        task = Classify(**SMALL, max_steps=3, baselines=False)
        torch.manual_seed(5)
        task.fit(texts(), folder=tmp_path / name if name == "with" else None, progress=False)
        found[name] = {**task.model.state_dict(), "next random number": torch.rand(1)}
        assert not task.model.training
    assert found["with"].keys() == found["without"].keys()
    for key, value in found["with"].items():
        assert torch.equal(value, found["without"][key]), key


def test_pages_need_no_matplotlib(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from elman.tasks import Classify\n"
        "task = Classify(hidden_size=4, max_steps=2, baselines=False)\n"
        "task.fit((['a b', 'c d'] * 20, ['x', 'y'] * 20), folder=sys.argv[1], progress=False)\n"
        "assert task.report_page.exists()\n"
        "assert 'matplotlib' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "run")], check=True)


def entries(metric: str, values: list[float]) -> list[dict[str, float]]:
    return [{"step": 10.0 * (i + 1), metric: value} for i, value in enumerate(values)]


@pytest.mark.parametrize(
    ("validation", "training", "best", "expected"),
    [
        ([1.0, 0.8, 0.6, 0.5], [1.0, 0.8, 0.7, 0.6], 40, "still improved"),
        ([1.0, 0.5, 0.6, 0.9], [1.0, 0.8, 0.5, 0.2], 20, "overfitting"),
        ([1.0, 0.5, 0.5, 0.5], [1.0, 0.8, 0.7, 0.7], 20, "Nothing stands out"),
        ([1.0, 0.5], [1.0, 0.8], 20, "So few evaluations"),
    ],
)
def test_advice_follows_from_the_course_of_a_run(
    validation: list[float], training: list[float], best: int, expected: str, tmp_path: Path
) -> None:
    task = Language()
    task.history = [
        {**a, **b}
        for a, b in zip(
            entries("loss", validation), entries("training_loss", training), strict=True
        )
    ]
    ended = {"steps": 40, "best_step": best, "stopped_because": "finished", "clipped_share": 0.0}
    task.record = {"training": ended, "data": {}, "metrics": {}}
    (found,) = advice.parts(Run(task, None, None, tmp_path), ())
    assert expected in found


def test_the_log_gives_the_learning_rate(tmp_path: Path) -> None:
    lines = [
        {"kind": "train", "step": 1, "lr": 0.1},
        {"kind": "evaluation", "step": 1, "lr": 7},
        {"kind": "train", "step": 2, "lr": None},
        {"kind": "train", "step": 3, "lr": 0.3},
    ]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert Run(Language(), None, None, tmp_path).logged("lr") == ([1, 3], [0.1, 0.3])
    assert Run(Language(), None, None, tmp_path / "none").logged("lr") == ([], [])
