"""What a session needs computed, and how that of several sessions is computed together.

A session that can share its computing is written as a generator: it yields a `Run` or an `Ask`,
is sent the answer, and goes on. `alone` answers one generator; a server answers many of them, those
that wait for the same network as one batch by `together`.
"""

from collections import defaultdict
from collections.abc import Callable, Generator, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import torch
from torch import Tensor, nn

from elman.nn.state import State, as_tuple, gather
from elman.train.inference import inference

R = TypeVar("R")

_MOST_PADDING = 2  # the longest of a batch has at most so many times the steps of the shortest


@dataclass(frozen=True, eq=False)
class Run:
    """Time steps of a network; the answer is `(outputs, state)`.

    - `network`: a `SequenceModel` or a layer: `network(inputs, state, lengths=...)`.
    - `inputs`: (T, 1, ...), T at least 1, on any device.
    - `state`: the one before the first step, its batch in dimension 1; () at the beginning.
    """

    network: nn.Module
    inputs: Tensor
    state: State = ()


@dataclass(frozen=True, eq=False)
class Ask:
    """Inputs of a function that takes a list of them; the answer is the list of their results.

    - `function`: `function([input, ...], **options)`, a list of results in their order.
    """

    function: Callable[..., Sequence[Any]]
    inputs: Sequence[Any]
    options: Mapping[str, Any] = field(default_factory=dict)


Request: TypeAlias = Run | Ask
Steps: TypeAlias = Generator[Any, Any, R]  # yields requests, and updates on the way


def alone(steps: Steps[R]) -> R:
    """The result of a generator whose requests are answered one by one.

    Updates that it yields on the way are passed over.
    """
    answer: Any = None
    while True:
        try:
            request = advance(steps, answer)
        except StopIteration as end:
            found: R = end.value
            return found
        answer = together([request])[0] if isinstance(request, Run | Ask) else None


def advance(steps: Steps[Any], answer: Any) -> Any:
    """Send a generator the answer to what it asked last, and return what it yields next.

    An exception that `together` gave as an answer is raised within the generator.
    """
    return steps.throw(answer) if isinstance(answer, Exception) else steps.send(answer)


def together(requests: Sequence[Request]) -> list[Any]:
    """The answer to each request, in their order; requests that are alike are computed as a batch.

    Where a batch fails, each of it is computed by itself, so that one that cannot be answered
    harms no other: in its place stands the exception.

    >>> layer = nn.RNN(2, 3)  # any layer with the batch in the middle
    >>> outputs, state = together([Run(layer, torch.randn(5, 1, 2))])[0]
    >>> outputs.shape, state[0].shape
    (torch.Size([5, 1, 3]), torch.Size([1, 1, 3]))
    """
    answers: list[Any] = [None] * len(requests)
    for numbers in _batches(requests):
        found = _answers([requests[i] for i in numbers])
        for i, answer in zip(numbers, found, strict=True):
            answers[i] = answer
    return answers


def _answers(alike: list[Any]) -> list[Any]:
    compute = _run if isinstance(alike[0], Run) else _ask
    try:
        return compute(alike)
    except Exception as error:  # of a user's input, a damaged state or a broken network
        if len(alike) == 1:
            return [error]
        return [answer for each in alike for answer in _answers([each])]


def _batches(requests: Sequence[Request]) -> Iterable[list[int]]:
    """The numbers of requests that are computed together."""
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for i, request in enumerate(requests):
        groups[_kind(request)].append(i)
    for numbers in groups.values():
        if isinstance(requests[numbers[0]], Ask):
            yield numbers
        else:
            yield from _of_like_length(numbers, requests)


def _kind(request: Request) -> Hashable:
    if isinstance(request, Ask):
        return request.function, repr(sorted(request.options.items()))
    inputs = request.inputs
    forms = tuple((part.shape[0], *part.shape[2:], part.dtype) for part in request.state)
    return id(request.network), inputs.shape[2:], inputs.dtype, forms


def _of_like_length(numbers: list[int], requests: Sequence[Any]) -> Iterable[list[int]]:
    def steps(i: int) -> int:
        count: int = requests[i].inputs.shape[0]
        return count

    batch: list[int] = []
    for i in sorted(numbers, key=steps):
        if batch and steps(i) > _MOST_PADDING * steps(batch[0]):
            yield batch
            batch = []
        batch.append(i)
    yield batch


def _ask(asked: list[Ask]) -> list[list[Any]]:
    first = asked[0]
    inputs = [each for one in asked for each in one.inputs]
    found = iter(first.function(inputs, **first.options))
    return [[next(found) for _ in one.inputs] for one in asked]


def _run(runs: list[Run]) -> list[tuple[Tensor, State]]:
    network = runs[0].network
    with inference(network) as device:
        state = gather([run.state for run in runs]) if len(runs) > 1 else runs[0].state
        before: Any = state or None
        counts = [run.inputs.shape[0] for run in runs]
        inputs = _side_by_side([run.inputs for run in runs], counts).to(device)
        step: Any = getattr(network, "step", None)
        if max(counts) == 1 and step is not None:
            output, after = step(inputs[0], before)
            outputs = output.unsqueeze(0)
        elif min(counts) == max(counts):
            outputs, after = network(inputs, before)
        else:
            outputs, after = network(inputs, before, lengths=torch.tensor(counts, device=device))
        state = as_tuple(after)
        if len(runs) == 1:
            return [(outputs, state)]
        single = _each(outputs)
        if min(counts) < max(counts):
            single = [each[:count] for each, count in zip(single, counts, strict=True)]
        return list(zip(single, zip(*map(_each, state), strict=True), strict=True))


def _each(batch: Tensor) -> list[Tensor]:
    """Each sequence in memory of its own: a view would keep those of all others."""
    return [part.clone() for part in torch.split(batch, 1, 1)]


def _side_by_side(inputs: list[Tensor], counts: list[int]) -> Tensor:
    if len(inputs) == 1:
        return inputs[0]
    if min(counts) == max(counts):
        return torch.cat(inputs, 1)
    batch = inputs[0].new_zeros(max(counts), len(inputs), *inputs[0].shape[2:])
    for i, (each, count) in enumerate(zip(inputs, counts, strict=True)):
        batch[:count, i] = each[:, 0]
    return batch
