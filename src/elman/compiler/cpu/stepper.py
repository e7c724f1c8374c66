"""One time step of stacked layers, with as little around the kernels as there can be."""

import ctypes
from collections.abc import Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from elman.compiler.cpu import threads
from elman.compiler.cpu.session import Session
from elman.compiler.cpu.weights import PANELS

_LINE = 64  # bytes, at whose multiples memory is read fastest
_INPUT, _OUTPUT, _NOTHING, _STATES = range(4)  # what a call gives addresses of; then the states
_FIRST, _ALONE = ctypes.c_int64(0), ctypes.c_int64(1)  # the thread, of so many; as ctypes has them


class Stepper:
    """Steps of stacked layers of one direction on batches of one size.

    `sessions`: of each layer one of a single step without lengths.
    """

    def __init__(self, sessions: Sequence[Session]) -> None:
        self._sessions = sessions
        first = sessions[0]
        weights, batch = first.weights, first.call.layout.batch
        count, shape = len(sessions), (batch, weights.size)
        with torch.inference_mode(False):
            like = weights.operands.x
            self._output = like.new_empty(shape)
            self._states = [like.new_empty(count, *shape) for _ in range(weights.step.states)]
            self._zeros = [torch.zeros_like(each) for each in self._states]
        self._writes = _writes(sessions, self._output.nbytes)
        self._runs = [
            (s.kernel.entry["infer"], s.kernel.address.get("infer_team")) for s in sessions
        ]
        self._threads = first.threads
        self._free: list[_Memory] = []  # so that calls from several threads have one each

    def __call__(self, x: Tensor, state: Sequence[Tensor] | None) -> tuple[Tensor, list[Tensor]]:
        """The output, (B, H), and the new states, (layers, B, H) each; of x, (B, I), and such
        states, None for 0."""
        x = x.contiguous()
        before = self._zeros if state is None else [each.contiguous() for each in state]
        memory = self._free.pop() if self._free else _Memory(self._sessions)
        output = torch.empty_like(self._output)
        last = [torch.empty_like(each) for each in self._states]
        bases = [x.data_ptr(), output.data_ptr(), 0, *[each.data_ptr() for each in before]]
        bases += [each.data_ptr() for each in last]
        arguments = memory.arguments
        for place, base, offset in self._writes:
            arguments[place] = bases[base] + offset
        count = self._threads
        if count == 1:
            for (one, _), pointer in zip(self._runs, memory.pointers, strict=True):
                one(pointer, _FIRST, _ALONE)
        else:
            for (one, team), address in zip(self._runs, memory.addresses, strict=True):
                threads.run(one, team, address, count)
        self._free.append(memory)
        return output, last


def _writes(sessions: Sequence[Session], apart: int) -> list[tuple[int, int, int]]:
    """What every call writes: the argument's place among those of all layers, what it is the
    address of, and an offset to that. The layers' states lie `apart` bytes from each other."""
    found, start = [], 0
    states = sessions[0].weights.step.states
    for index, session in enumerate(sessions):
        at, keeps, offset = session.arguments.at, session.arguments.keeps, index * apart
        source = (_STATES + states, offset - apart) if index else (_INPUT, 0)
        is_last = index == len(sessions) - 1
        own = [("Input", *source), ("Out0", _OUTPUT if is_last else _NOTHING, 0)]
        for i, keep in enumerate(keeps):
            old, new = _STATES + i, _STATES + states + i
            own += [(f"First{i}", old, offset), (f"Last{i}", new, offset)]
            if not keep:  # the kernel works on the new state itself
                own.append((f"S{i}", new, offset))
        if not keeps[0]:
            own.append(("Feed", _STATES, offset))
        found += [(start + at[name], base, offset) for name, base, offset in own]
        start += len(session.arguments.values)
        if session.threads > 1:
            found.append((start, _NOTHING, 0))  # how many threads have arrived
        start += 1
    return found


class _Memory:
    """What one call writes to: the arguments of all layers, gate inputs, panels, and the states
    that threads share."""

    def __init__(self, sessions: Sequence[Session]) -> None:
        values = [[*session.arguments.values, 0] for session in sessions]
        starts = [sum(map(len, values[:index])) for index in range(len(values))]
        self.arguments: Any = (ctypes.c_int64 * sum(map(len, values)))(*chain(*values))
        begin = ctypes.addressof(self.arguments)
        self.addresses = [begin + 8 * start for start in starts]
        self.pointers = [ctypes.c_void_p(address) for address in self.addresses]
        like = sessions[0].weights.operands.x
        line = _LINE // like.element_size()
        rooms, total = [], 0
        for session, start in zip(sessions, starts, strict=True):
            for place, count in _rooms(session):
                rooms.append((start + place, total))
                total += -(-count // line) * line
        with torch.inference_mode(False):
            self._buffer = like.new_empty(total + line)
        first = -(-self._buffer.data_ptr() // _LINE) * _LINE
        for place, number in rooms:
            self.arguments[place] = first + number * like.element_size()
        for session, start in zip(sessions, starts, strict=True):
            at = session.arguments.at
            self.arguments[start + at["Barrier"]] = begin + 8 * (start + len(at))
            if session.arguments.keeps[0]:
                self.arguments[start + at["Feed"]] = self.arguments[start + at["S0"]]


def _rooms(session: Session) -> list[tuple[int, int]]:
    """Arguments that are addresses of own memory, and how many numbers it holds."""
    at, batch = session.arguments.at, session.call.layout.batch
    rooms = [(at["X"], batch * session.gates)]
    if PANELS in session.arguments.modes:
        rooms.append((at["Panel"], session.panel_count * session.weights.room()))
    if session.weights.step.normed:
        products = len(session.weights.step.recurrent) * session.weights.size
        rooms.append((at["U"], batch * products))
    for i, keeps in enumerate(session.arguments.keeps):
        if keeps:
            rooms.append((at[f"S{i}"], 2 * batch * session.weights.size))
    return rooms
