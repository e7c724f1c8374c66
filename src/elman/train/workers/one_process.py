"""What a run asks of its workers; here of a run that is one process."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from torch import Tensor

T = TypeVar("T")


class OneProcess:
    """The workers of a run of one process; `ProcessGroup` is of several."""

    rank, size, local_rank = 0, 1, 0

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that evaluates, writes and shows."""
        return self.rank == 0

    def from_first(self, compute: Callable[[], T], doing: str) -> T:  # noqa: ARG002
        """What `compute` gives in worker 0, which alone calls it; `doing`: for errors."""
        return compute()

    def gathered(self, value: T, doing: str) -> list[T]:  # noqa: ARG002
        """The plain values or tensors that all workers give, in the order of their ranks."""
        return [value]

    def rows(self, numbers: Tensor, doing: str) -> list[Tensor]:  # noqa: ARG002
        """A tensor of one size in all workers, from each of them."""
        return [numbers]

    def blocks(self, tensor: Tensor, doing: str) -> Iterator[tuple[slice, list[Tensor]]]:  # noqa: ARG002
        """`rows` of a tensor, a stretch of elements of the last dimension at a time."""
        yield slice(0, tensor.shape[-1]), [tensor]

    def check_same(self, terms: Mapping[str, Any]) -> None:
        """Raise `WorkerError` where the workers have not all the same."""
