import itertools

import numpy as np
import pytest

from elman.decode.forced_alignment import forced_alignment


def best_path(scores: np.ndarray, ids: list[int]) -> tuple[int, ...]:
    """The most probable path that spells the text, of all paths."""
    paths = (
        path
        for path in itertools.product(range(scores.shape[1]), repeat=len(scores))
        if [id for id, _ in itertools.groupby(path) if id] == ids
    )
    return max(paths, key=lambda path: scores[np.arange(len(path)), path].sum())


@pytest.mark.parametrize("ids", [[1], [1, 2], [2, 2], [1, 1, 2], [1, 2, 1, 2, 1, 2], [2, 2, 2]])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_equals_the_best_of_all_paths(ids: list[int], seed: int) -> None:
    scores = np.log(np.random.default_rng(seed).dirichlet(np.ones(3), size=6))
    spans = forced_alignment(scores, ids, first_frame=10)
    path = [0] * 6
    for span in spans:
        for frame in range(span.first, span.end):
            path[frame - 10] = span.id
        assert span.log_prob == scores[span.first - 10 : span.end - 10, span.id].max()
    assert tuple(path) == best_path(scores, ids)
    assert [span.id for span in spans] == ids


def test_too_few_frames_are_shared_evenly() -> None:
    spans = forced_alignment(np.log(np.full((4, 2), 0.5)), [1, 1, 1], first_frame=5)
    assert [(span.first, span.end) for span in spans] == [(5, 6), (6, 7), (7, 9)]
    assert forced_alignment(np.zeros((0, 2)), [1]) == [(1, 0, 0, -np.inf)]
    assert forced_alignment(np.zeros((3, 2)), []) == []
