"""The commands `elman tune TASK`, one for each task of the registry."""

import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Group, Parameter, validators

from elman.cli import workers
from elman.cli.train import Config, TrainApp, TrainingData, Validation, grouped, with_lists
from elman.errors import SettingsError
from elman.tasks.commands import Commands
from elman.tasks.registry import BUILTIN, commands_of

OF_SEARCH = Group.create_ordered("Search")
_SHARE = "ELMAN_TUNE_TRIALS"  # how many trials a process of several runs

Trials = Annotated[
    int,
    Parameter(
        help="Total number of trials, including those of earlier commands.",
        validator=validators.Number(gte=1),
        group=OF_SEARCH,
    ),
]
Processes = Annotated[
    int,
    Parameter(
        help="Number of processes that run trials in parallel.",
        validator=validators.Number(gte=1, lte=1024),
        group=OF_SEARCH,
    ),
]
Out = Annotated[
    Path | None, Parameter(help="Folder of the search; runs/tune-TASK if none.", group=OF_SEARCH)
]
Resume = Annotated[
    bool,
    Parameter(
        help="Continue the search in the folder.", negative="", show_default=False, group=OF_SEARCH
    ),
]

app: App = TrainApp(name="tune", help="Search for the best settings for your data.")


def command(task: str, known: Commands) -> Any:
    """The function that tunes a task; settings that are given are not tuned."""
    settings_type = grouped(known)
    defaults = settings_type()

    def tune(
        *,
        data: TrainingData = None,
        validation: Validation = None,
        trials: Trials = 40,
        processes: Processes = 1,
        out: Out = None,
        resume: Resume = False,
        config: Config = None,
        settings: Any = defaults,
    ) -> None:
        del config  # read before the flags
        if data is None:
            raise SettingsError("--data is missing: name a file or a dataset to tune on")
        if "-" in (data, validation):
            raise SettingsError("tuning reads its data many times: save standard input in a file")
        given = with_lists(settings).model_dump(exclude_unset=True)
        folder = out or Path("runs") / f"tune-{task}"
        from elman.tune import Search

        share = os.environ.get(_SHARE)
        seed = given.get("seed", 0)
        search = Search(task, folder, settings=given, seed=seed, resume=resume or share is not None)
        if share is not None:
            search.run(data, validation, trials=int(share))
            return
        search.take_up()
        left = trials - search.finished()
        if processes == 1:
            search.run(data, validation, trials=left)
        else:
            _run_side_by_side(left, processes)
        page = search.write()
        best = search.best
        print(f"trial {best.number} is the best: {search.metric} {best.value:.6g}")
        print(f"its settings are in {folder / 'best.yaml'}; the report is {page}")
        print(f"train with them: elman train {task} --data {data} --config {folder / 'best.yaml'}")

    summary = f"Search for the best settings of the task {task} in many short trainings."
    example = f"Example: `elman tune {task} --data data.csv --trials 40`"
    tune.__doc__ = f"{summary}\n\nSettings that you give stay fixed.\n\n{example}"
    tune.__annotations__["settings"] = Annotated[settings_type, Parameter(name="*")]
    if not known.validation:
        signature = inspect.signature(tune)
        taken = [each for name, each in signature.parameters.items() if name != "validation"]
        tune.__signature__ = signature.replace(parameters=taken)  # type: ignore[attr-defined]
    return tune


def _run_side_by_side(trials: int, processes: int) -> None:
    """Run this command in several processes, each with its share of the trials."""
    if "OMP_NUM_THREADS" not in os.environ:
        threads = max(1, (os.cpu_count() or 1) // processes)
        os.environ["OMP_NUM_THREADS"] = str(threads)
    shares = [trials // processes + (number < trials % processes) for number in range(processes)]
    started = [
        subprocess.Popen(workers.command_words(), env={**os.environ, _SHARE: str(share)})
        for share in shares
        if share > 0
    ]
    try:
        codes = [process.wait() for process in started]
    finally:
        for process in started:
            process.terminate()
            process.wait()
    if any(codes):
        print("elman: a process of the search ended early; --resume continues", file=sys.stderr)
        sys.exit(next(code if code > 0 else 128 - code for code in codes if code))


for _name in BUILTIN:
    app.command(command(_name, commands_of(_name)), name=_name)
