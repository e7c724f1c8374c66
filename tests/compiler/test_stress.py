"""Kernels under threads, processes, forks, moves between number types and damaged files."""

import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

import elman
from elman.cells import BUILTIN

forks = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")

# What a process under test begins with: `results(cell)` of a forward and a backward pass.
START = """
import hashlib, os, sys, threading, time
import torch
import elman
from elman.compiler.cpu import target

def results(cell):
    torch.manual_seed(0)
    layer = elman.layer(cell, 3, 20, backend="compiled", dtype=torch.float64)
    output, _ = layer(torch.randn(6, 4, 3, dtype=torch.float64))
    found = [output, *torch.autograd.grad(output.square().sum(), list(layer.parameters()))]
    assert layer.backend_used == "compiled"
    return [each.detach() for each in found]

def digest(cells):
    content = b"".join(each.numpy().tobytes() for cell in cells for each in results(cell))
    return hashlib.sha256(content).hexdigest()
"""


def start(code: str, cache: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "ELMAN_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", START + textwrap.dedent(code)]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )


def finish(process: subprocess.Popen[str], seconds: float = 60) -> str:
    """What it printed, once it has ended well."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # forked children, too
        out, err = process.communicate()
        pytest.fail(f"it did not end within {seconds} s: {out}{err}")
    assert process.returncode == 0, out + err
    return out


def kernels(cache: Path) -> dict[str, bytes]:
    """The files in the cache by name, hidden ones, too."""
    return {path.name: path.read_bytes() for path in (cache / "kernels").iterdir()}


def trained(name: str) -> list[torch.Tensor]:
    """Weights after some steps of training with a generator of its own."""
    generator = torch.Generator().manual_seed(len(name))
    layer = elman.layer(name, 3, 12, backend="compiled", dtype=torch.float64)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.uniform_(-0.3, 0.3, generator=generator)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    for step in range(25):
        x = torch.randn(1 + step % 7, 1 + step % 5, 3, generator=generator, dtype=torch.float64)
        options = {"lengths": torch.arange(x.shape[1]) % (len(x) + 1)} if step % 3 == 0 else {}
        loss = layer(x, **options)[0].square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            layer.step(x[0], layer(x)[1])
    return [weight.detach() for weight in layer.parameters()]


def test_eight_threads_train_different_cells_at_once() -> None:
    names = list(BUILTIN)[:8]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(trained, names))
    for name, weights in zip(names, together, strict=True):
        assert_close(weights, trained(name), rtol=1e-10, atol=1e-12)


def test_two_processes_fill_an_empty_cache_at_once(tmp_path: Path) -> None:
    cells = ("lstm", "gru", "mgu")
    code = f"print(digest({cells}))"
    both = [start(code, tmp_path) for _ in range(2)]
    first, second = map(finish, both)
    assert first == second
    files = kernels(tmp_path)
    assert len(files) == len(cells)
    assert all(name.endswith(".kernel") for name in files)
    # They are whole: a third process needs to compile nothing.
    assert finish(start(f"target._compile = None\n{code}", tmp_path)) == first
    assert kernels(tmp_path) == files


def test_damaged_kernels_are_built_anew(tmp_path: Path) -> None:
    code = "print(digest(['lstm', 'gru']))"
    first = finish(start(code, tmp_path))
    files = kernels(tmp_path)
    cut, changed = files.values()
    for name, content in zip(
        files, (cut[: len(cut) // 2], changed[:200] + b"\0" + changed[201:]), strict=True
    ):
        (tmp_path / "kernels" / name).write_bytes(content)
    assert finish(start(code, tmp_path)) == first
    assert kernels(tmp_path) == files


@forks
def test_a_fork_after_use_computes_the_same(tmp_path: Path) -> None:
    code = """
    torch.set_num_threads(1)
    expected = digest(["lstm", "gru"])
    torch.set_num_threads(2)
    both = digest(["lstm", "gru"])  # torch's sums of the weights' gradients may be others
    child = os.fork()
    if child == 0:
        torch.set_num_threads(1)  # torch's own: OpenMP's pool does not survive a fork
        same = digest(["lstm", "gru"]) == expected
        results("mgu")  # one that the parent has not compiled
        os._exit(0 if same else 3)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, status
    assert digest(["lstm", "gru"]) == both
    """
    finish(start(code, tmp_path))


@forks
def test_a_fork_while_another_thread_holds_a_lock_does_not_hang(tmp_path: Path) -> None:
    code = """
    import elman.compiler.cpu.scratch
    import elman.compiler.expression
    results("lstm")

    def fork(lock, new):
        held, done = threading.Event(), threading.Event()

        def hold():
            with lock:
                held.set()
                done.wait(60)

        thread = threading.Thread(target=hold)
        thread.start()
        assert held.wait(10)
        child = os.fork()
        if child == 0:
            results("lstm")
            results(new)  # one that the parent has not compiled
            os._exit(0)
        end, ended = time.monotonic() + 50, 0
        while not ended and time.monotonic() < end:
            ended, status = os.waitpid(child, os.WNOHANG)
            time.sleep(0.05)
        done.set()
        thread.join()
        if not ended:
            os.kill(child, 9)
            os.waitpid(child, 0)
            sys.exit(f"the child hangs that begins while {lock} is held")
        assert os.waitstatus_to_exitcode(status) == 0, status

    compiler = elman.compiler
    fork(compiler.cpu.target._lock, "gru")
    fork(compiler.cpu.scratch._lock, "rnn")
    fork(compiler.expression._lock, "rnn_relu")
    results("mgu")
    """
    finish(start(code, tmp_path), 170)


@pytest.mark.parametrize("name", ["lstm", "gru", "peephole_lstm", "indrnn"])
def test_a_model_moves_between_number_types_between_uses(name: str) -> None:
    torch.manual_seed(0)
    layer = elman.layer(name, 3, 8, num_layers=2, backend="compiled")
    x = torch.randn(5, 4, 3)

    def used() -> list[torch.Tensor]:
        dtype = next(layer.parameters()).dtype
        layer.zero_grad()
        output, state = layer(x.to(dtype))
        output.square().sum().backward()
        with torch.no_grad():
            after, _ = layer.step(x[0].to(dtype), state)
        assert layer.backend_used == "compiled"
        assert output.dtype == after.dtype == dtype
        gradients = [weight.grad.clone() for weight in layer.parameters()]
        return [output.detach(), after, *gradients]

    single = used()
    for _ in range(2):
        double = [each.float() for each in (layer.double(), used())[1]]
        assert_close(double, single, rtol=1e-4, atol=1e-5)
        layer.float()
        assert_close(used(), single, rtol=0, atol=0)
