"""Which worker a process is, by the variables that torchrun and elman's supervisor set."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from elman.errors import SettingsError

LISTENING = "ELMAN_STORE_FD"  # a listening socket that worker 0 inherits
PARENT = "ELMAN_SUPERVISOR_FD"  # a pipe that is closed when the supervisor ends
LOST = 75  # the exit status of a worker that has lost another one
_RESTARTS = "TORCHELASTIC_RESTART_COUNT"


@dataclass(frozen=True)
class Place:
    """A worker's place among the workers of a run.

    - `rank`, `size`: its number from 0, and how many there are.
    - `local_rank`, `local_size`: the same among those on its machine.
    - `host`, `port`: where worker 0 (or torchrun) keeps what all share.
    """

    rank: int
    size: int
    local_rank: int
    local_size: int
    host: str
    port: int


def place(variables: Mapping[str, str] = os.environ) -> Place | None:
    """The place that the environment gives this process; None where it is no worker.

    Raises `SettingsError` that names a variable which is missing or no such number.

    >>> place({"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29500"})
    Place(rank=1, size=2, local_rank=1, local_size=2, host='10.0.0.1', port=29500)
    """
    if "RANK" not in variables or "WORLD_SIZE" not in variables:
        return None
    size = _number(variables, "WORLD_SIZE", 1, 2**16)
    rank = _number(variables, "RANK", 0, size - 1)
    local_size = _number(variables, "LOCAL_WORLD_SIZE", 1, size, size)
    local_rank = _number(variables, "LOCAL_RANK", 0, local_size - 1, rank % local_size)
    host, port = variables.get("MASTER_ADDR", ""), 0
    if size > 1:
        port = _number(variables, "MASTER_PORT", 1, 2**16 - 1)
        if not host:
            raise SettingsError("MASTER_ADDR is not set: the address of worker 0 is needed")
    return Place(rank, size, local_rank, local_size, host, port)


def restarts(variables: Mapping[str, str] = os.environ) -> int:
    """How often torchrun has started all workers again.

    >>> restarts({"TORCHELASTIC_RESTART_COUNT": "2"}), restarts({})
    (2, 0)
    """
    return _number(variables, _RESTARTS, 0, 2**31, 0)


def _number(
    variables: Mapping[str, str], name: str, least: int, most: int, default: int | None = None
) -> int:
    text = variables.get(name)
    if text is None and default is not None:
        return default
    if text is None or not text.isdecimal() or not least <= int(text) <= most:
        came = "is not set" if text is None else f"is {text!r:.40}"
        raise SettingsError(
            f"the environment variable {name} {came}: a whole number from {least} to {most} is"
            " needed; start the workers by elman train --workers or by torchrun"
        )
    return int(text)
