"""Sessions of a recogniser: the text of the whole, also when saved and restored in the middle."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from session_states import sent

from elman.data import Audio
from elman.decode.alphabet import Alphabet
from elman.decode.ctc_beam import CTCBeam
from elman.decode.saved_search import flattened, unflattened
from elman.decode.scorers import Scorer
from elman.errors import DataError, SettingsError
from elman.tasks import Language, Speech
from elman.tasks.session import TranscriptUpdate, is_stepped
from elman.tasks.speech.stream import SpeechSession
from elman.tasks.steps import Run, advance, together

Say = Callable[..., Audio]
RATE = 8000


@pytest.fixture(scope="module")
def characters() -> Language:
    task = Language(hidden_size=8, epochs=1, batch_size=2, chunk_length=10)
    return task.fit(["ab bc\ncab ca\nca ab\n" * 20], progress=False)


def with_setting(task: Speech, **changes: Any) -> Speech:
    """The task with another decoder."""
    other = Speech(**task.settings.model_dump())
    other.__dict__.update(task.__dict__)
    other.settings = task.settings.model_copy(update=changes)
    return other


DECODERS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "beam": ("forward", {}, {}),
    "greedy": ("forward", {"beam": 1}, {}),
    "lexicon": ("forward", {"lexicon": True}, {}),
    "hot words": ("forward", {}, {"hot_words": ["cab", "bc ca"]}),
    "pauses": ("forward", {}, {"pause": 0.3}),
    "look-ahead": ("ahead", {}, {}),
    "transducer": ("transducer", {}, {"pause": 0.3}),
    "transducer, greedy": ("transducer", {"beam": 1}, {}),
}


@pytest.fixture(params=[*DECODERS, "language model"])
def case(request: pytest.FixtureRequest, characters: Language) -> tuple[Speech, dict[str, Any]]:
    if request.param == "language model":
        return request.getfixturevalue("forward"), {"language": characters, "pause": 0.3}
    fixture, changes, options = DECODERS[request.param]
    return with_setting(request.getfixturevalue(fixture), **changes), options


def cut(samples: Any, at: list[int]) -> list[Any]:
    return np.split(samples, [min(each, len(samples)) for each in np.cumsum(at)])


def test_a_session_that_is_restored_again_and_again_gives_the_same_numbers(
    case: tuple[Speech, dict[str, Any]], say: Say
) -> None:
    task, options = case
    samples = np.concatenate([say("ab cab ca", 7, 0.4).samples, say("bc ab", 8, 0.4).samples])
    unbroken, session = task.session(**options), task.session(**options)
    for chunk in cut(samples, [1, 50, 700, 5000, 0, 9000, 160, 3333]):
        assert session.accept(chunk) == unbroken.accept(chunk)
        session = task.session(**options, state=sent(session.state))
        assert session.segments == unbroken.segments
    found, expected = session.finish(), unbroken.finish()
    assert found == expected
    assert session.hypothesis == unbroken.hypothesis
    whole = task.transcribe(
        [Audio(samples, RATE)],
        **{name: value for name, value in options.items() if name != "rate"},
    )[0]
    assert found.value == whole.text


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 4000), st.booleans()), min_size=1, max_size=8
    )
)
def test_sessions_do_not_see_each_other(
    forward: Speech, say: Say, steps: list[tuple[int, int, bool]]
) -> None:
    sounds = [say("ab cab", 1).samples, say("bc ca ab", 2).samples]
    sessions = [forward.session() for _ in sounds]
    rest = list(sounds)
    for who, count, is_restored in steps:
        sessions[who].accept(rest[who][:count])
        rest[who] = rest[who][count:]
        if is_restored:
            sessions[who] = forward.session(state=sent(sessions[who].state))
    for session, sound, more in zip(sessions, sounds, rest, strict=True):
        session.accept(more)
        alone = forward.session()
        alone.accept(sound)
        assert session.finish().value == alone.finish().value


def test_updates_tell_the_whole_text_and_what_is_new(forward: Speech, say: Say) -> None:
    sound = np.concatenate([say(text, 3, pause=0.5).samples for text in ("ab bc", "cab")])
    session = forward.session(pause=0.7)
    stream = forward.stream(pause=0.7)
    text = ""
    for chunk in np.array_split(sound, 12):
        update = session.accept(chunk)
        since_pause = stream.accept(chunk)
        assert update.value.endswith(since_pause)
        if update.new is not None:
            assert update.value == text + update.new
        text = update.value
    prediction = session.finish()
    assert prediction.value == stream.finish().text
    assert prediction.value.startswith("ab bc ca")
    assert prediction.error is None
    assert session.segments == stream.segments
    assert len(session.segments) == 2
    with pytest.raises(SettingsError, match="is finished"):
        session.state  # noqa: B018
    with pytest.raises(SettingsError, match="is finished"):
        session.accept(sound)


def test_ready_features_go_on_too(learnt: Callable[..., Speech]) -> None:
    random = np.random.default_rng(0)
    letters = {"a": 0, "b": 1}

    def frames(text: str) -> Any:
        parts = [np.zeros((4, 3))]
        for letter in text:
            tone = np.zeros((8, 3))
            tone[:, letters[letter]] = 2
            parts += [tone, np.zeros((4, 3))]
        return (np.concatenate(parts) + random.normal(0, 0.1, (12 * len(text) + 4, 3))).astype("f4")

    from elman.data import Utterance

    data = [Utterance(f"u{i}", t, features=frames(t)) for i, t in enumerate(["ab", "ba", "a"] * 5)]
    small = {"hidden_size": 8, "num_layers": 1, "epochs": 2, "beam": 3, "ngram": 0, "stack": 2}
    task = Speech(**small, bidirectional=False).fit(data, data[:3], progress=False)
    heard = frames("abba")
    unbroken, session = task.session(), task.session()
    for chunk in np.split(heard, [3, 20, 21]):
        assert session.accept(chunk) == unbroken.accept(chunk)
        session = task.session(state=sent(session.state))
    assert session.finish() == unbroken.finish()


def test_sound_at_another_rate_cannot_be_saved(forward: Speech, say: Say) -> None:
    session = forward.session(rate=16000)
    with pytest.raises(SettingsError, match="8000 samples a second"):
        session.state  # noqa: B018
    session = forward.session(rate=8000)
    session.accept(say("ab").samples)
    assert isinstance(forward.session(state=session.state), SpeechSession)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"hot_words": ["cab"]}, "hot_words"),
        ({"pause": 0.5}, "pause"),
        ({"lm_weight": 0.1}, "lm_weight"),
        ({"rate": 16000}, "rate"),
    ],
)
def test_a_state_needs_the_same_options(
    forward: Speech, options: dict[str, Any], names: str
) -> None:
    with pytest.raises(SettingsError, match=f"options: {names} differ"):
        forward.session(**options, state=forward.session().state)


def test_a_state_of_another_model_is_refused(forward: Speech, ahead: Speech) -> None:
    with pytest.raises(SettingsError, match="not of a session of this Speech"):
        forward.session(state=ahead.session().state)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("listener.front.mean", torch.zeros(3)),
        ("listener.front.rest", torch.zeros(3)),
        ("listener.features.recent", torch.zeros(9999)),
        ("listener.features.given", "many"),
        ("decoding.search.parents", [3]),
        ("decoding.search.blank", torch.zeros(1000)),
        ("decoding.search.heard", torch.zeros(2, 2)),
        ("decoding.search.words", [[1]]),
        ("options", 3),
        ("segments", [1]),
    ],
)
def test_states_that_are_none(forward: Speech, say: Say, name: str, value: Any) -> None:
    session = forward.session()
    session.accept(say("ab").samples)
    state = session.state
    assert name in state
    with pytest.raises(SettingsError, match=r"^state is not "):
        forward.session(state={**state, name: value})
    del state[name]
    with pytest.raises(SettingsError, match=r"^state is not "):
        forward.session(state=state)


def test_what_is_refused_leaves_a_session_as_it_was(forward: Speech, say: Say) -> None:
    session, other = forward.session(), forward.session()
    sound = say("ab ca").samples
    for each in (session, other):
        each.accept(sound[:5000])
    with pytest.raises(DataError):
        session.accept(np.full(80, np.nan))
    assert session.accept(sound[5000:]) == other.accept(sound[5000:])


class Odd(Scorer[object]):
    """A scorer whose states are no plain values."""

    def start(self) -> object:
        return object()

    def after(self, state: object, id: int) -> object:
        return object()

    def rows(self, states: Any) -> Any:
        return np.zeros((len(states), 3))

    def end(self, state: object) -> float:
        return 0.0


def test_a_scorer_without_a_state_to_save_says_so() -> None:
    search = CTCBeam(Alphabet("ab"), scorers=[Odd()]).start()
    with pytest.raises(SettingsError, match="states of a Odd cannot be saved"):
        search.state  # noqa: B018


def test_nested_states_come_back() -> None:
    state = (torch.zeros(2), (torch.ones(1), torch.arange(3)))
    back = unflattened(flattened(state, "s"), "s")
    assert [t.tolist() for t in (back[0], *back[1])] == [[0, 0], [1], [0, 1, 2]]
    assert unflattened(flattened(None, "s"), "s") is None
    many = tuple(torch.tensor([i]) for i in range(12))
    assert [int(t) for t in unflattened(flattened(many, "s"), "s")] == list(range(12))


def test_greedy_texts_on_the_way_and_the_beam_search_at_the_end(
    forward: Speech, say: Callable[..., Audio]
) -> None:
    sound = say("ab cab ca bc ab ca cab bc", 5)
    usual, quick = forward.session(pause=0.3), forward.session(pause=0.3, partial="greedy")
    greedy = forward._decoding(forward._known).greedy().start()
    greedy.advance(forward.log_probs([sound])[0])
    for at in range(0, len(sound.samples), 1111):
        chunk = sound.samples[at : at + 1111]
        usual.accept(chunk)
        quick.accept(chunk)
        quick = forward.session(pause=0.3, partial="greedy", state=sent(quick.state))
    mine, other = quick.finish(), usual.finish()
    assert mine == other
    assert [each.text for each in quick.segments] == [each.text for each in usual.segments]
    whole = forward.session(partial="greedy")
    whole.accept(sound.samples)
    assert greedy.text.startswith(whole.partial)
    assert len(whole.partial) > len(greedy.text) - 3
    with pytest.raises(SettingsError, match="partial must be"):
        forward.session(partial="best")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="partial differ"):
        forward.session(pause=0.3, partial="greedy", state=forward.session(pause=0.3).state)


def test_updates_have_the_segments_that_ended(forward: Speech, say: Say) -> None:
    sound = np.concatenate([say("ab").samples, np.zeros(RATE, np.float32), say("cab").samples])
    session = forward.session(pause=0.4, n=3)
    updates = [session.accept(piece) for piece in np.array_split(sound, 9)]
    last: list[Any] = []
    steps = session.finishing()
    answer = None
    while True:
        try:
            found = advance(steps, answer)
        except StopIteration:
            break
        if isinstance(found, TranscriptUpdate):
            last.append(found)
        answer = together([found])[0] if isinstance(found, Run) else None
    ended = [segment for update in [*updates, *last] for segment in update.segments]
    assert [segment[0] for segment in ended] == session.segments
    assert len(ended) > 1
    assert all(1 <= len(segment) <= 3 for segment in ended)
    assert max(map(len, ended)) > 1
    assert all(update.value.endswith(update.partial) for update in updates)
    assert session.hypothesis is not None
    assert (last[0].value, last[0].partial) == (session.hypothesis.text, "")


def test_nobody_asks_for_the_state_of_a_session_to_step_it(forward: Speech) -> None:
    session = forward.session(rate=2 * RATE)
    with pytest.raises(SettingsError, match="resamples sound"):
        _ = session.state
    assert is_stepped(session)
