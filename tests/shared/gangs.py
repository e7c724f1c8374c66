"""Processes started as the workers of one run, with a time limit."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SHARED = Path(__file__).parent


def environment(rank: int = 0, size: int = 1, port: int = 0) -> dict[str, str]:
    """The variables of a worker, as torchrun sets them."""
    path = os.pathsep.join([str(SHARED), os.environ.get("PYTHONPATH", "")])
    here = {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    here["TORCH_CPP_LOG_LEVEL"] = "ERROR"
    place = {"RANK": str(rank), "WORLD_SIZE": str(size)}
    return {**os.environ, **here, **place, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def start(words: Sequence[str], size: int) -> list[subprocess.Popen[str]]:
    """Start a Python program as so many workers."""
    port = free_port()
    return [one(words, rank, size, port) for rank in range(size)]


def one(words: Sequence[str], rank: int, size: int, port: int) -> subprocess.Popen[str]:
    """Start a Python program as one of so many workers."""
    return subprocess.Popen(
        [sys.executable, *words],
        env=environment(rank, size, port),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(
    processes: Sequence[subprocess.Popen[str]], limit: float = 120
) -> list[tuple[int, str, str]]:
    """Status, standard output and standard error of each; all are killed after the limit."""
    try:
        ended = [process.communicate(timeout=limit) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    codes = [process.returncode for process in processes]
    return [(code, *texts) for code, texts in zip(codes, ended, strict=True)]
