import json
import re
import shlex
from html import unescape
from pathlib import Path

import pytest
import torch

from elman.cli import app
from elman.errors import SettingsError
from elman.html import page, write_page
from elman.quickstart import lines, run, stocks, writer
from elman.quickstart.run import Effort
from elman.train import TrainingInterrupted


@pytest.mark.parametrize("name", ["folder", "file"])
def test_what_is_not_its_own_is_left_alone(tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    if name == "file":
        out.write_text("mine")
    else:
        out.mkdir()
        (out / "report.html").write_text("<p>mine</p>")
    with pytest.raises(SettingsError, match=f"--out: .*{name}"):
        run(out)
    mine = out if name == "file" else out / "report.html"
    assert "mine" in mine.read_text()


def test_a_model_of_somebody_else_beside_an_older_report_is_left_alone(tmp_path: Path) -> None:
    write_page(tmp_path / "report.html", page("old", [], generator="elman quickstart"))
    (tmp_path / "writer").mkdir()
    (tmp_path / "writer" / "README.md").write_text("mine")
    with pytest.raises(SettingsError, match=r"--out: .*writer holds other files \(README\.md\)"):
        run(tmp_path)
    assert (tmp_path / "writer" / "README.md").read_text() == "mine"


def test_ctrl_c_leaves_no_trace_and_no_advice_to_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise TrainingInterrupted("interrupted", None, 2)  # type: ignore[arg-type]

    monkeypatch.setattr(stocks, "train", stopped)
    threads = torch.get_num_threads()
    with pytest.raises(KeyboardInterrupt) as caught:
        run(tmp_path / "out")
    assert not isinstance(caught.value, TrainingInterrupted)
    assert list((tmp_path / "out").iterdir()) == []
    assert torch.get_num_threads() == threads


@pytest.mark.slow
def test_the_whole_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "two words"
    kept = {}
    for module in (writer, lines):
        train = module.train

        def keep(*args, name=module.__name__, train=train, **options):  # type: ignore[no-untyped-def]
            kept[name] = train(*args, **options)
            return kept[name]

        monkeypatch.setattr(module, "train", keep)
    monkeypatch.setitem(writer.SETTINGS, "batch_size", 8)  # more steps an epoch
    run(out, Effort(stocks=2, writer=1, lines=2, lines_per_class=800), progress=False)
    written, told_apart = kept[writer.__name__].outcome, kept[lines.__name__].outcome
    assert written.network < min(written.baselines.values())
    assert told_apart.network > max(told_apart.baselines.values())

    printed = capsys.readouterr().out
    assert f"{written.network:.2f}" in printed
    assert f"{told_apart.network:.1%}" in printed
    commands = [line.strip() for line in printed.splitlines() if line.startswith("  elman ")]
    assert len(commands) == 2
    for command in commands:
        words = shlex.split(command)
        assert words[0] == "elman"
        app.main(words[1:])
    answers = capsys.readouterr().out
    assert "comment\t" in answers

    page = (out / "report.html").read_text("utf-8")
    assert not re.search(r"https?:|<script|<link|<img|@import", page)
    text = unescape(page)
    for outcome in (written, told_apart):
        assert outcome.title in text
        assert f"{outcome.parameters:,}" in text
    assert all(command in text for command in commands)

    before = json.loads((out / "writer" / "config.json").read_text())["record"]["data"]
    short = writer.topics_text()[:30_000]
    monkeypatch.setattr(writer, "topics_text", lambda: short)
    run(out, Effort(stocks=1, writer=1, lines=1, lines_per_class=50), progress=False)
    after = json.loads((out / "writer" / "config.json").read_text())["record"]["data"]
    assert after["training_tokens"] < before["training_tokens"]
    app.main(["generate", str(out / "writer"), "The ", "--length", "5"])
    assert sorted(path.name for path in out.iterdir()) == ["lines", "report.html", "writer"]
