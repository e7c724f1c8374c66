"""Sessions over the native protocol, by clients as users have them."""

import asyncio
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import small_tasks
from numpy.typing import NDArray
from websockets.asyncio.client import connect

from elman.serve import AsyncClient, Client, ServerError
from elman.serve.states import packed, unpacked
from elman.tasks import Speech, Task

Made = Callable[[str], Task]
TEXTS = ["a", "b", "ab a", "ba", "b ab", "aa b"]


def odd_pieces(samples: NDArray[Any], seed: int) -> list[NDArray[Any]]:
    draw = np.random.default_rng(seed)
    cuts = np.sort(draw.integers(0, len(samples), 9))
    return [part for part in np.split(samples, cuts) if len(part)]


def test_many_streams_in_odd_pieces_are_the_offline_ones(serving: Any, speech: Speech) -> None:
    sounds = [small_tasks.say(TEXTS[i % len(TEXTS)]) for i in range(40)]
    expected = speech.predictions(sounds)

    async def one(client: AsyncClient, i: int) -> Any:
        async with client.session("speech", binary=("float32", [-1])) as session:
            for piece in odd_pieces(sounds[i].samples, i):
                await session.accept(piece)
            return await session.finish()

    async def use(url: str) -> list[Any]:
        client = AsyncClient(url)
        return list(await asyncio.gather(*(one(client, i) for i in range(len(sounds)))))

    with serving([speech], max_sessions=len(sounds)) as server:
        found = asyncio.run(use(server.url))
        server.when_idle()
        sizes = server.context.metrics.registry.get_sample_value
        batches = sizes("elman_batch_size_count", {"model": "speech"})
        streams = sizes("elman_batch_size_sum", {"model": "speech"})
    assert [each.value for each in found] == [each.value for each in expected]
    for mine, other in zip(found, expected, strict=True):
        assert mine.details["score"] == pytest.approx(other.details["score"], abs=1e-5)
    assert batches is not None
    assert streams is not None
    assert streams > 1.5 * batches


def events_of(session: Any, _: Any) -> list[tuple[Any, ...]]:
    """What a session tells of a long video, piece by piece."""
    frames = small_tasks.now_and_then(2)[0][0].frames(grey=True)
    for part in np.split(np.asarray(frames), 4):
        session.accept(part)
    found = session.finish().value
    each = [event if isinstance(event, dict) else vars(event) for event in found]
    return [(event["label"], event["start"], event["end"]) for event in each]


TASKS: dict[str, Callable[[Any, Any], Any]] = {
    "classify": lambda s, _: [s.accept("a fine "), s.accept("play"), s.finish()][-1].value,
    "vectors": lambda s, task: [s.accept(small_tasks.vectors(3)[0][0]), s.finish()][-1].value,
    "language": lambda s, _: s.accept("the cat").value,
    "handwriting": lambda s, _: (
        s.accept(small_tasks.drawn(5).inks[0].points, new_stroke=True).value
    ),
    "lines": lambda s, _: s.accept(small_tasks.drawn(5).inks[0].points, new_stroke=True).value,
    "events": events_of,
    "video": lambda s, _: (
        [
            s.accept(np.asarray(small_tasks.moving(2)[0][0], np.uint8)),
            s.finish(),
        ][-1].value
    ),
}


@pytest.mark.parametrize("name", TASKS)
def test_a_session_of_each_task_says_what_the_task_says(
    name: str, serving: Any, made: Made
) -> None:
    task = made(name)
    options = {"length": 5, "temperature": 0} if name == "language" else {}
    expected = TASKS[name](task.session(**options), task)
    with serving({name: task}) as server, server.client().session(name, **options) as session:
        assert TASKS[name](session, task) == expected


def test_a_customers_series_are_its_own(serving: Any, made: Made) -> None:
    task = made("forecast")
    rows = small_tasks.sales("2025-03-03", "c")
    plain = {**rows, "ds": [str(each) for each in rows["ds"]]}
    expected = task.session(series=[], h=2).accept(plain).value
    with serving([task]) as server:
        client = server.client()
        with client.session("forecast", h=2) as one, client.session("forecast", h=2) as other:
            found = one.accept(plain).value
            assert list(found["unique_id"]) == ["c", "c"]  # nor those of training
            np.testing.assert_allclose(found["mean"], expected["mean"], rtol=1e-6)
            with pytest.raises(ServerError, match="no series"):
                other.finish()


def test_slots_used_again_carry_nothing_over(serving: Any, made: Made) -> None:
    """A NaN and a secret text in one session, looked for in all others, also those after it."""
    speech, language, secret = made("speech"), made("language"), "the hat sat on tom"
    sound = small_tasks.say("ab a")
    clean = speech.predict([sound])[0]
    options = {"length": 12, "temperature": 0}
    expected = language.session(**options).accept("the cat").value

    with serving([speech, language], max_sessions=4) as server:
        client = server.client()
        with client.session("speech") as spoken:
            spoken.accept(sound.samples[:2000])
            poison = unpacked(spoken.state)
        for name in list(poison):
            if name.startswith("listener.recurrent"):
                poison[name] = poison[name] * float("nan")
        server.when_idle()

        def poisoned() -> None:
            bad = client.session("speech", state=packed(poison), retries=0)
            with bad, pytest.raises(ServerError):
                bad.accept(sound.samples)

        def told() -> None:
            with client.session("language", **options) as session:
                session.accept(secret)

        def asked() -> Any:
            with client.session("speech") as session:
                for piece in odd_pieces(sound.samples, 1):
                    session.accept(piece)
                return session.finish().value

        def written() -> Any:
            with client.session("language", **options) as session:
                return session.accept("the cat").value

        with ThreadPoolExecutor(4) as pool:
            for _ in range(3):
                jobs = [pool.submit(each) for each in (poisoned, told, asked, written)]
                bad, _, heard, text = (job.result(30) for job in jobs)
                assert bad is None
                assert (heard, text) == (clean, expected)
                server.when_idle()
        assert (asked(), written()) == (clean, expected)
        server.when_idle()
        held = server.context.sessions.slots._held
        assert held == [None] * len(held)


def test_an_answer_of_several_messages_does_not_wait(serving: Any, made: Made) -> None:
    """A delayed acknowledgement would hold up the second message by 40 ms."""
    times = []
    with (
        serving([made("language")]) as server,
        server.client().session("language", length=1, save_every=0) as session,
    ):
        for _ in range(40):
            began = time.perf_counter()
            session.accept("a")
            times.append(time.perf_counter() - began)
    assert min(times) < 0.03


def test_a_generated_text_comes_in_pieces(serving: Any, made: Made) -> None:
    task: Any = made("language")
    expected = task.generate("the cat", length=300, seed=3)
    with serving([task]) as server:
        pieces = list(server.client().stream("language", "the cat", length=300, seed=3))
    assert len(pieces) > 2
    assert "".join(pieces) == expected


def test_a_state_goes_on_in_another_session(serving: Any, speech: Speech) -> None:
    sound = small_tasks.say("ab a")
    with serving([speech]) as server:
        client = server.client()
        with client.session("speech") as session:
            session.accept(sound.samples[:2000])
            state = session.state
        with client.session("speech", state=state) as session:
            session.accept(sound.samples[2000:])
            assert session.finish().value == speech.predict([sound])[0]


def test_a_client_goes_on_after_its_connection_is_lost(serving: Any, speech: Speech) -> None:
    sound = small_tasks.say("ab a b")
    expected = speech.predict([sound])[0]
    with serving([speech]) as server:
        for save_every in (0, 2):  # by all inputs again, or from the state
            session = Client(server.url).session("speech", save_every=save_every)
            for i, piece in enumerate(odd_pieces(sound.samples, 4)):
                if i in (3, 5):
                    session._socket.socket.shutdown(2)
                session.accept(piece)
            assert session.finish().value == expected
        server.when_idle()


def test_a_client_says_that_there_is_no_server() -> None:
    with pytest.raises(ServerError, match="127") as caught:
        Client("http://127.0.0.1:9", timeout=2).session("speech", retries=1)
    assert caught.value.code == "connection_lost"
    with pytest.raises(ServerError, match="does not answer"):
        Client("http://127.0.0.1:9", timeout=2).models()


def test_a_wrong_message_leaves_the_session_as_it_was(serving: Any, speech: Speech) -> None:
    sound = small_tasks.say("ab a")

    async def use(url: str) -> tuple[list[Any], Any]:
        address = f"{url.replace('http', 'ws')}/v1/models/speech/session"
        async with connect(address) as socket:

            async def ask(message: str | bytes) -> Any:
                await socket.send(message)
                return json.loads(await socket.recv())

            start = {"type": "start", "binary": {"dtype": "float32", "shape": [-1]}}
            assert (await ask(json.dumps(start)))["type"] == "started"
            await ask(sound.samples[:2000].tobytes())
            wrong = [
                await ask(message)
                for message in (
                    "{",
                    "[]",
                    '"text"',
                    '{"type": 3}',
                    '{"type": "nothing"}',
                    "[" * 50_000,
                    json.dumps({"type": "input", "input": "no sound"}),
                    json.dumps({"type": "input", "input": None}),
                    json.dumps({"type": "input", "input": [[1], [2, 3]]}),
                    json.dumps({"type": "input", "input": [1.0], "more": 1}),
                    json.dumps({"type": "input", "input": [1.0], "options": [1]}),
                    json.dumps({"type": "input", "input": [1.0], "options": {"lm": "/etc/passwd"}}),
                    json.dumps({"type": "input", "input": {"base64": "?", "dtype": "int16"}}),
                    json.dumps({"type": "input", "input": [float("nan")]}),
                    b"odd",
                    json.dumps(start),
                )
            ]
            await ask(sound.samples[2000:].tobytes())
            return wrong, await ask('{"type": "finish"}')

    with serving([speech]) as server:
        wrong, final = asyncio.run(use(server.url))
    assert {each["type"] for each in wrong} == {"error"}
    assert {each["error"]["code"] for each in wrong} <= {"bad_request", "bad_input"}
    assert not any("Traceback" in json.dumps(each) for each in wrong)
    assert final["value"] == speech.predict([sound])[0]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"lm": "/etc/passwd"}, "no option"),
        ({"language": "/runs/a"}, "no option"),
        ({"pause": -1}, "pause"),
        ({"hot_words": "x" * 5000}, "too large"),
    ],
)
def test_options_that_clients_may_not_give(
    options: dict[str, Any], problem: str, serving: Any, speech: Speech
) -> None:
    with serving([speech]) as server:
        client = server.client()
        for ask in (client.predict, client.session):
            arguments = ("speech", []) if ask == client.predict else ("speech",)
            with pytest.raises(ServerError, match=problem):
                ask(*arguments, **options)


def test_states_that_no_server_gave(serving: Any, speech: Speech, made: Made) -> None:
    with serving([speech, made("language")]) as server:
        client = server.client()
        with client.session("language") as session:
            other = session.state
        for state in ("", "????", "AAAA", packed({"frames": 3}), other):
            with pytest.raises(ServerError, match="state") as caught:
                client.session("speech", state=state)
            assert caught.value.code == "bad_input"
        server.when_idle()
