"""Builds the wheel and the source distribution, and checks what is in them.

    pip install -c constraints.txt '.[release]' && python deploy/check_release.py [--install]

With `--install` the wheel goes into a fresh environment, and `elman quickstart` runs from there, in
an empty folder. The files stay in dist/.
"""

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
LARGEST = 400_000  # bytes of one file in the wheel


def run(*words: str | Path, cwd: Path = ROOT) -> None:
    """Print and run a command that has to end well."""
    print("$", *words, flush=True)
    subprocess.run([*map(str, words)], cwd=cwd, check=True)


def build(out: Path) -> tuple[Path, Path]:
    """The paths of the wheel and of the source distribution; older ones in `out` are removed."""
    for old in out.glob("elman-*"):
        old.unlink()
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out)
    (wheel,), (sdist,) = out.glob("elman-*.whl"), out.glob("elman-*.tar.gz")
    return wheel, sdist


def problems_of_wheel(wheel: Path) -> list[str]:
    """What is missing in a wheel, or should not be there."""
    source = ROOT / "src"
    expected = {
        path.relative_to(source).as_posix()
        for path in (source / "elman").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as file:
        sizes = {info.filename: info.file_size for info in file.infolist()}
    package = {name for name in sizes if ".dist-info/" not in name}
    about = {name.partition(".dist-info/")[2] for name in sizes.keys() - package}
    needed = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}
    return [
        *(f"{wheel.name} lacks {name}" for name in sorted(expected - package)),
        *(f"{wheel.name} has {name}" for name in sorted(package - expected)),
        *(f"{wheel.name} lacks {name}" for name in sorted(needed - about)),
        *(f"{name} has {size} bytes" for name, size in sizes.items() if size > LARGEST),
    ]


def problems_of_sdist(sdist: Path) -> list[str]:
    """What a source distribution lacks of all that builds, tests and documents elman."""
    with tarfile.open(sdist) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    tracked = subprocess.run(
        ["git", "ls-files", "src", "tests", "docs", "site", "examples", "benchmarks"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    needed = {*tracked, "LICENSE", "README.md", "pyproject.toml", "constraints.txt", "mkdocs.yml"}
    return [f"{sdist.name} lacks {name}" for name in sorted(needed - names)]


def install(wheel: Path, folder: Path) -> None:
    """Put the wheel into a fresh environment, and train and use the models of the quickstart."""
    venv.create(folder / "venv", with_pip=True)
    bin = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    constraints = ROOT / "constraints.txt"
    run(bin / "python", "-m", "pip", "install", "-q", "-c", constraints, wheel, cwd=folder)
    installed = "import elman, sys; assert elman.__file__.startswith(sys.prefix), elman.__file__"
    run(bin / "python", "-c", installed, cwd=folder)
    run(bin / "elman", "quickstart", "--out", "quickstart", cwd=folder)
    run(bin / "elman", "predict", "quickstart/lines", "x = 1", cwd=folder)


def main() -> None:
    """Build, check, and install if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--install", action="store_true", help="try the wheel, too")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where the files go")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    wheel, sdist = build(options.out)
    if problems := [*problems_of_wheel(wheel), *problems_of_sdist(sdist)]:
        sys.exit("\n".join(problems))
    run(sys.executable, "-m", "twine", "check", "--strict", wheel, sdist)
    if options.install:
        with tempfile.TemporaryDirectory() as folder:
            install(wheel.resolve(), Path(folder))


if __name__ == "__main__":
    main()
