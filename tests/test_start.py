"""What is imported when: settings and help import no torch, training and prediction no compiler."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import elman

FIRST_USE = """
import datetime, sys
import numpy as np
import elman
from elman.tasks import Classify, Forecast, Language, Speech

def say(text):
    hertz = [{"a": 400, "b": 1500}.get(c, 0) for c in f" {text} "]
    tones = [np.sin(2 * np.pi * each * np.arange(800) / 8000) / 2 for each in hertz]
    return elman.data.Audio(np.concatenate(tones).astype(np.float32), 8000)

few = {"hidden_size": 8, "max_steps": 2}
texts = (["good film", "bad film"] * 4, ["+", "-"] * 4)
for optimizer in ("adamw", "adam", "nadam", "radam", "rmsprop", "sgd"):
    Classify(**few, optimizer=optimizer).fit(texts, progress=False)
Classify(**few, init="orthogonal").fit(texts, folder="c", progress=False)
elman.load("c").predict(["good film"])
Language(**few, batch_size=4).fit("the cat sat. " * 60, folder="l", progress=False)
elman.load("l").generate("the", length=3)
spoken = [(say(text), text) for text in ["a", "b"] * 10]
for loss in ("ctc", "transducer"):
    Speech(**few, num_layers=1, beam=1, loss=loss).fit(spoken, folder=loss, progress=False)
    elman.load(loss).predict([say("ab")])
days = [datetime.date(2024, 1, 1) + datetime.timedelta(i) for i in range(120)]
table = {"ds": days, "y": [float(i % 7 + i / 20) for i in range(120)]}
for number, options in enumerate(({"smoothing": True, "attention": True}, {"head": "normal"})):
    Forecast(horizon=7, **few, **options).fit(table, folder=f"f{number}", progress=False)
    elman.load(f"f{number}").predict()
print([name for name in ("torch._dynamo", "torch._inductor", "sympy") if name in sys.modules])
"""


def printed(code: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_training_saving_loading_and_prediction_do_not_import_the_compiler(tmp_path: Path) -> None:
    assert printed(FIRST_USE, tmp_path) == "[]"


@pytest.mark.parametrize(
    "code",
    [
        "import elman",
        "import elman.data, elman.tasks, elman.train; elman.data.dataset_names()",
        "from elman.tasks import ClassifySettings as S, ForecastSettings, SpeechSettings; S()",
        "from elman.tasks import LanguageSettings, load; from elman.train import TrainSettings",
        "from elman.tasks.registry import TASKS; list(TASKS)",
        "from elman.cli import main; main(['--help'])",
        "from elman.cli import main; main(['train', 'speech', '--help'])",
        "from elman.cli import main; main(['predict', '--help'])",
    ],
)
def test_names_and_settings_do_not_import_torch(tmp_path: Path, code: str) -> None:
    assert printed(f"{code}\nimport sys; print('torch' in sys.modules)", tmp_path).endswith("False")


def test_the_package_is_imported_from_a_zip_file(tmp_path: Path) -> None:
    package = Path(elman.__file__).parent
    archive = shutil.make_archive(str(tmp_path / "elman"), "zip", package.parent, package.name)
    code = f"""
import sys; sys.path.insert(0, {archive!r})
import elman, elman.tasks
print(elman.__file__, elman.tasks.ClassifySettings().hidden_size)
"""
    assert printed(code, tmp_path).startswith(f"{archive}{os.sep}")


def test_names_of_packages_that_modules_have_too(tmp_path: Path) -> None:
    code = """
import elman.data.datasets.catalogue, elman.tasks.load
from elman.data import dataset_names
from elman.tasks import load
print(dataset_names.__module__, load.__module__, elman.load is load)
"""
    assert printed(code, tmp_path) == "elman.data.datasets.registry elman.tasks.load True"
