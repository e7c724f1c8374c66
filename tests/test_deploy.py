"""The Dockerfile and the unit for systemd: what they name is there, and their commands run."""

import configparser
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import warnings
from pathlib import Path
from typing import Any

import pytest
import small_tasks

from elman.cli.app import app
from elman.serve import ServeSettings
from elman.tasks import Language

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
UNIT = ROOT / "deploy" / "elman.service"


class Many(dict[str, Any]):
    """Options of a unit; those that stand there several times keep all their lines."""

    def __setitem__(self, name: str, value: Any) -> None:
        if name in self and isinstance(value, list):
            self[name].extend(value)
        else:
            super().__setitem__(name, value)


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's lines as (instruction, arguments), continued ones joined."""
    text = (ROOT / "deploy" / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]


def every(name: str) -> list[str]:
    return [arguments for each, arguments in instructions() if each == name]


def copied() -> list[Path]:
    return [ROOT / each for line in every("COPY") for each in line.split()[:-1]]


def entrypoint() -> list[str]:
    """The image's command, with the argument of the comment's `docker run`."""
    (line,) = every("ENTRYPOINT")
    example = re.search(r"docker run .* elman (\S+)", (ROOT / "deploy" / "Dockerfile").read_text())
    assert example is not None
    return [*json.loads(line), example[1]]


def unit() -> configparser.RawConfigParser:
    found = configparser.RawConfigParser(strict=False, dict_type=Many, interpolation=None)
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read_string(UNIT.read_text())
    return found


def settings_of(words: list[str]) -> ServeSettings:
    """What the command line makes of a command; it fails where it would refuse it."""
    assert Path(words[0]).name == "elman"
    _, bound, _ = app.parse_args(words[1:], exit_on_error=False, print_error=False)
    settings: ServeSettings = bound.arguments["settings"]
    assert len(bound.arguments["runs"]) == 1
    return settings


def test_the_image_has_the_files_that_its_build_takes() -> None:
    files = copied()
    assert all(path.exists() for path in files)
    project, hatch = PROJECT["project"], PROJECT["tool"]["hatch"]
    asked = [
        "pyproject.toml",
        project["readme"],
        *project["license-files"],
        hatch["version"]["path"],
        *hatch["build"]["targets"]["wheel"]["packages"],
    ]
    for name in asked:
        assert any((ROOT / name).is_relative_to(path) for path in files), name


def test_the_image_installs_what_there_is() -> None:
    (line,) = every("RUN")
    commands = [shlex.split(each) for each in line.split("&&")]
    pip = next(each for each in commands if each[:2] == ["pip", "install"])
    assert ROOT / pip[pip.index("-c") + 1] in copied()
    (extras,) = re.findall(r"^\.\[(.*)\]$", "\n".join(pip), re.MULTILINE)
    assert "serve" in extras.split(",")
    assert set(extras.split(",")) <= set(PROJECT["project"]["optional-dependencies"])
    (python,) = re.findall(r"^python:(\d+\.\d+)", every("FROM")[0])
    assert f"Programming Language :: Python :: {python}" in PROJECT["project"]["classifiers"]


def test_the_image_serves_and_its_health_check_answers(tmp_path: Path) -> None:
    given = settings_of(entrypoint())
    assert str(given.port) == every("EXPOSE")[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        task = Language(**small_tasks.SMALL, chunk_length=8).fit(["the cat. " * 30], progress=False)
    task.save(tmp_path / "model")
    (tmp_path / "token").write_text("a-long-token")
    places = {"/run/token": tmp_path / "token", "/models/speech": tmp_path / "model"}
    places["0.0.0.0"] = Path("127.0.0.1")
    words = [str(places.get(each, each)) for each in entrypoint()]
    check = re.search(r"CMD\s+(\[.*\])", every("HEALTHCHECK")[0])
    assert check is not None
    name, flag, code = json.loads(check[1])
    assert (name, flag, f":{given.port}/" in code) == ("python", "-c", True)
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    own = dict(line.split("=", 1) for line in every("ENV"))
    with subprocess.Popen(
        [sys.executable, "-m", "elman.cli", *words[1:], "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        env={**kept, **own, "HOME": "/nowhere", "XDG_CACHE_HOME": str(tmp_path)},
    ) as process:
        try:
            assert process.stderr is not None
            port = process.stderr.readline().split()[3].rpartition(":")[2]
            end = time.monotonic() + 60
            while True:
                try:
                    exec(code.replace(f":{given.port}/", f":{port}/"), {})
                    break
                except OSError:
                    assert time.monotonic() < end
                    time.sleep(0.1)
            process.send_signal(signal.Signals[every("STOPSIGNAL")[0]])
            assert process.wait(20) == 0
        finally:
            process.kill()


def test_the_unit_starts_what_the_command_line_takes() -> None:
    service = unit()["Service"]
    settings = settings_of(shlex.split(service["ExecStart"]))
    assert settings.workers > 1
    assert settings.token_file is not None
    credential, _, _ = service["LoadCredential"].partition(":")
    assert str(settings.token_file) == f"%d/{credential}"  # the folder of the credentials
    assert f"XDG_CACHE_HOME=/var/cache/{service['CacheDirectory']}" in service["Environment"]
    # the workers are told to end by their parent, which waits for them ten seconds longer
    assert int(service["TimeoutStopSec"]) > settings.drain_s + 10
    assert service["KillMode"] == "mixed"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_knows_every_option_of_the_unit(tmp_path: Path) -> None:
    def verified(text: str) -> str:
        path = tmp_path / UNIT.name
        path.write_text(re.sub("(?m)^ExecStart=[^ ]*", "ExecStart=/bin/true", text))
        done = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True)
        return done.stdout + done.stderr

    assert verified(UNIT.read_text()) == ""
    assert "Unknown key" in verified(UNIT.read_text().replace("Restart=", "Restrat="))
