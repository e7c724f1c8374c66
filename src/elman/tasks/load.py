"""Any saved model by its path or its name on the Hugging Face hub."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from elman.errors import ModelError, SettingsError
from elman.folders import CARD, CONFIG, path_of
from elman.messages import shown
from elman.tasks.registry import TASKS as TASKS

if TYPE_CHECKING:
    from elman.cells import Cell
    from elman.tasks.task import Task


def load(
    path: Path | str,
    *,
    cells: "Iterable[Cell | type[Cell]]" = (),
    tasks: "Iterable[type[Task]]" = (),
) -> "Task":
    """Load a saved model with its preprocessing, ready to predict.

    Nothing of the folder is executed, and every file is checked against its hash.

    **Arguments:**

    - `path`: a model folder, or `owner/name` of a model on the Hugging Face hub.
    - `cells`: cells of your own that the model may use.
    - `tasks`: tasks of your own that the model may be of, besides elman's and those of packages.

    Raises `ModelError` if there is no such model or a file of it is damaged.

    ```python
    model = elman.load("runs/sentiment")
    model.predict(["a stirring , funny film"])
    ```
    """
    from elman.cells import resolve
    from elman.tasks.storage import read_model
    from elman.tasks.task import Task

    if not isinstance(tasks, list | tuple) or not all(
        isinstance(each, type) and issubclass(each, Task) for each in tasks
    ):
        raise SettingsError("tasks must be a list of classes derived from elman.tasks.Task")
    given: dict[str, type[Task]] = {each.name: each for each in tasks}
    try:
        own = {type(cell).__name__: cell for cell in map(resolve, cells)}
    except TypeError:
        raise SettingsError(f"cells={cells!r:.80}: a list of cells is needed") from None
    saved = read_model(folder_of(path))
    task = saved.config.get("task")
    if isinstance(task, str) and task in given:
        return given[task]._load(saved, own)
    if not isinstance(task, str) or task not in TASKS:
        known = ", ".join([*given, *TASKS])
        raise ModelError(f"{path} is of the task {task!r:.80}; there are {known}")
    return TASKS[task]._load(saved, own)


def folder_of(path: Path | str) -> Path:
    """A model's folder; that of a model of the hub is downloaded if need be."""
    folder = path_of(path, "path")
    try:
        is_there = folder.is_dir()
    except OSError:
        is_there = False
    if os.path.lexists(folder) or str(path).count("/") != 1 or str(path).startswith((".", "~")):
        if not is_there and not folder.is_file():
            name = str(path) if str(path).isprintable() else shown(str(path))
            raise ModelError(f"{name} is neither a model folder nor a hub name like owner/model")
        return folder
    return _downloaded(str(path))


def _downloaded(name: str) -> Path:
    """The folder of a model of the hub: of its files those alone that its configuration names."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    from elman.tasks.storage import read_config

    try:
        folder = Path(snapshot_download(name, allow_patterns=[CONFIG]))
        names = [CONFIG, CARD, *read_config(folder)["files"]]
        return Path(snapshot_download(name, allow_patterns=names))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(
            f"{name}: there is no such folder, and no such model could be loaded from the hub"
            f" ({type(error).__name__})"
        ) from None
