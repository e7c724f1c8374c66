"""One step of one direction of a layer, with next to nothing around the kernel."""

import ctypes
from collections.abc import Sequence

from torch import Tensor

from elman.compiler.cpu import threads
from elman.compiler.cpu.session import Session

_MOST_ROOM = 1 << 14  # bytes for gate inputs that are copied with the arguments


class Single:
    """A session of one step without lengths, made for small batches."""

    def __init__(self, session: Session) -> None:
        arguments = session.arguments
        self._session, self._keeps = session, arguments.keeps
        at = arguments.at
        plain = arguments.copy()
        self._length = ctypes.sizeof(plain)
        self._block = (ctypes.c_int64 * (len(plain) + -(-_room(session) // 8)))(*plain)
        self._kind = type(self._block)
        self._x, self._input, self._feed, self._out = (
            at[name] for name in ("X", "Input", "Feed", "Out0")
        )
        self._barrier = at["Barrier"], self._length - 8
        self._places = [
            (at[f"S{i}"], at[f"First{i}"], at[f"Last{i}"], keep)
            for i, keep in enumerate(self._keeps)
        ]
        self._one = session.kernel.entry["infer"]
        self._team = session.kernel.address.get("infer_team")
        self._threads = session.threads

    @staticmethod
    def fits(session: Session) -> bool:
        """Whether the batch is small enough."""
        return _room(session) <= _MOST_ROOM

    def __call__(self, x: Tensor, first: Sequence[Tensor] | None) -> tuple[Tensor, list[Tensor]]:
        """The output, (B, H), and the new states, (1, B, H); of x, B rows of I, and states of B
        rows, None for 0, all contiguous."""
        session = self._session
        first = [session.zeros] * len(self._keeps) if first is None else first
        own = self._kind.from_buffer_copy(self._block)
        address = ctypes.addressof(own)
        session.pack("forward")
        index, offset = self._barrier
        own[index], own[self._x] = address + offset, address + self._length
        own[self._input] = x.data_ptr()
        last, held = [], []
        shape = (1, *session.zeros.shape)
        for (rows_at, first_at, last_at, keep), state in zip(self._places, first, strict=True):
            end = x.new_empty(shape)
            rows = x.new_empty((2, *shape[1:])) if keep else end
            own[rows_at], own[first_at], own[last_at] = (
                rows.data_ptr(),
                state.data_ptr(),
                end.data_ptr(),
            )
            last.append(end)
            held.append(rows)
        own[self._feed] = (held if self._keeps[0] else first)[0].data_ptr()
        output = x.new_empty(shape[1:])
        own[self._out] = output.data_ptr()
        threads.run(self._one, self._team, address, self._threads)
        return output, last


def _room(session: Session) -> int:
    """Bytes of a step's gate inputs."""
    return session.gates * session.call.layout.batch * session.zeros.element_size()
