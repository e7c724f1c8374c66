"""Texts written in turns: sessions of a language model."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from elman.errors import SettingsError
from elman.tasks import Language
from elman.tasks.language.session import StopStrings

CATS = "the cat sat on the mat. " * 40
POEM = "床前明月光，疑是地上霜。举头望明月，低头思故乡。" * 20
SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "embedding_size": 8,
    "epochs": 1,
    "batch_size": 4,
    "chunk_length": 25,
}


def drawn(text: str, **settings: Any) -> Language:
    """A model with random weights: it writes anything."""
    task = Language(**{**SMALL, **settings}).fit([text], [text], progress=False)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in task.model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return task


@pytest.fixture(scope="module", params=["characters", "byte pairs"])
def task(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Language]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        if request.param == "characters":
            yield drawn(CATS, num_layers=2)
        else:
            yield drawn(POEM, tokens="bpe", vocabulary_size=262, cell="gru")


def stored(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state after a way through files: safetensors and JSON."""
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    plain = {name: value for name, value in state.items() if name not in tensors}
    return {**load(save(tensors)), **json.loads(json.dumps(plain))}


def cut(pieces: list[str], ends: list[str]) -> list[str]:
    stops = StopStrings(ends)
    found = []
    for piece in pieces:
        found.append(stops.add(piece))
        if stops.stopped:
            break
    return [piece for piece in [*found, stops.finish()] if piece]


@pytest.mark.parametrize(
    ("pieces", "ends", "expected"),
    [
        (["ab", "cd"], [], "abcd"),
        (["ab", "cd", "ef"], ["bcde"], "a"),
        (["a", "a", "a", "b"], ["aab"], "a"),
        (["xx", "y"], ["xy"], "x"),
        (["ab", "c"], ["cd"], "abc"),  # what was held back is written at the end
        (["abc"], ["c", "bc"], "a"),  # the first place counts, not the first string
        (["a", "b", "c", "d"], ["bcx", "cd"], "ab"),
        ([], ["a"], ""),
    ],
)
def test_a_text_ends_before_the_first_stop_string(
    pieces: list[str], ends: list[str], expected: str
) -> None:
    assert "".join(cut(pieces, ends)) == expected


def test_nothing_of_a_stop_string_is_streamed_too_early() -> None:
    assert cut(["a", "b", "x", "b", "c"], ["bc"]) == ["a", "bx"]


def test_the_first_turn_is_what_generate_writes(task: Language) -> None:
    options: dict[str, Any] = {"length": 40, "seed": 3, "temperature": 0.9, "top_k": 12}
    for prompt in ("the 床", ""):
        session = task.session(**options)
        update = session.accept(prompt)
        assert update.value == update.new
        end = session.finish()
        assert end.value == task.generate(prompt, **options)
        assert end.value.startswith(update.value)
        assert (end.input, end.error) == (prompt, None)


@pytest.mark.parametrize("length", [1, 6, 60])
def test_turns_of_any_length_give_the_same_text(task: Language, length: int) -> None:
    session = task.session(length=length, seed=5)
    pieces = []
    for turn in range(60 // length):
        update = session.accept("" if turn else "cat")
        pieces.append(update.new)
        assert update.value == "".join(pieces)
    assert session.finish().value == task.generate("cat", length=60, seed=5)


def test_a_turn_reads_what_stands_before_it(tmp_path: Any) -> None:
    """What was written and what was read are one text to the model."""
    task = drawn(CATS)
    session = task.session(length=6, temperature=0)
    text = "the cat"
    for chunk in ("the cat", " on", "", "mat. "):
        text += "" if chunk == "the cat" else chunk
        update = session.accept(chunk)
        assert update.new == task.generate(text, length=6, temperature=0)
        text += update.new
    assert session.finish().value == update.value
    assert session.finish().input == "the cat onmat. "


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_state_goes_on_where_it_was_saved(task: Language, temperature: float) -> None:
    options: dict[str, Any] = {"length": 5, "temperature": temperature, "stop": ["ta", "。"]}
    chunks = ("on the", "", "床前", "", "")
    session = task.session(**options)
    states, updates = [stored(session.state)], []
    for chunk in chunks:
        updates.append(session.accept(chunk))
        states.append(stored(session.state))
    end = session.finish()
    for k, state in enumerate(states):
        again = task.session(**options, state=state)
        assert [again.accept(chunk) for chunk in chunks[k:]] == updates[k:]
        assert again.finish() == end


def test_sessions_stand_side_by_side(task: Language) -> None:
    alone = [task.session(length=9, seed=seed) for seed in (1, 2)]
    expected = [[each.accept("cat").new, each.accept("on").new] for each in alone]
    first, second = (task.session(length=9, seed=seed) for seed in (1, 2))
    found = [first.accept("cat").new, second.accept("cat").new]
    found += [first.accept("on").new, second.accept("on").new]
    assert [found[::2], found[1::2]] == expected


def test_after_a_stop_string_a_new_turn_begins() -> None:
    task = drawn(CATS, ngram_model=False)
    free = task.generate("the", length=100, seed=1).split("n")
    session = task.session(length=100, seed=1, stop=["n"])
    updates = [session.accept("the"), session.accept(), session.accept()]
    assert [each.new for each in updates] == free[:3]
    assert updates[-1].value == session.finish().value == "".join(free[:3])


def test_a_character_that_is_not_whole_waits() -> None:
    task = drawn(POEM, tokens="bpe", vocabulary_size=262)
    ids = task.vocabulary.encode("光")
    assert len(ids) == 3
    session = task.session(length=1, temperature=0)
    writer: Any = session._writer
    forced = iter(ids.tolist())
    object.__setattr__(writer, "_sampling", type("Forced", (), {"draw": lambda *_: next(forced)})())
    assert session.accept("床").new == ""
    other = task.session(length=1, temperature=0, state=stored(session.state))
    assert session.accept("").new == ""
    assert session.accept("").new == "光"
    assert other.finish().value == "\ufffd"  # its end came too early


def test_what_a_session_refuses(task: Language) -> None:
    session = task.session(length=2, seed=0)
    with pytest.raises(SettingsError, match="chunk must be a text, got a int"):
        session.accept(3)  # type: ignore[arg-type]
    session.accept("the")
    state = session.state
    session.finish()
    with pytest.raises(SettingsError, match="this session is finished: create a new one"):
        session.accept("x")
    for options, message in (
        ({"length": -1}, "length must be a whole number, 0 or more, got -1"),
        ({"state": state, "seed": 1}, "seed: a state has its own random numbers"),
        ({"state": [1]}, "state must be that of a session, not a list"),
        ({"state": {**state, "weights": "0"}}, "is not of a session of this Language"),
        ({"state": {**state, "writer.token": 10**6}}, "state is not that of a session"),
        ({"state": {**state, "writer.layers.0": torch.zeros(1, 1, 3)}}, "state is not that of a"),
        ({"state": {**state, "writer.generator": torch.zeros(3)}}, "state is not that of a ses"),
        ({"state": {k: v for k, v in state.items() if k != "read"}}, "state is not that of a ses"),
    ):
        with pytest.raises(SettingsError, match=message):
            task.session(**options)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="not trained"):
        Language().session()


def test_updates_count_tokens(task: Language) -> None:
    session = task.session(length=7, temperature=0)
    update = session.accept("the cat")
    assert update.read == len(task.vocabulary.encode("the cat"))
    assert (update.written, update.stopped) == (7, False)
    stop = task.generate("the cat", length=60, temperature=0)[0]
    stopped = task.session(length=60, temperature=0, stop=[stop]).accept("the cat")
    assert stopped.stopped
    assert 1 <= stopped.written < 60
