"""What clients send to each task as a whole, and what comes back as JSON."""

import json
import re
import urllib.request
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import small_tasks

from elman.data import Ink
from elman.serve import ServerError
from elman.serve.protocols.page import page_files
from elman.serve.states import packed, unpacked
from elman.serve.values import ArrayForm, jsonable, received
from elman.tasks import Task

Made = Callable[[str], Task]
PANELS = re.compile(r'^  "([a-z]+)>([a-z]+)": "([a-z]+)",$', re.MULTILINE)


def strokes(ink: Ink) -> list[list[list[float]]]:
    times = np.zeros(len(ink)) if ink.time is None else ink.time
    rows = np.column_stack([ink.points, times])
    return [part.tolist() for part in np.split(rows, ink.starts[1:])]


def test_inputs_that_are_whole(serving: Any, made: Made) -> None:
    sound, clip = small_tasks.say("ab a"), np.asarray(small_tasks.moving(2)[0][0], np.uint8)
    ink, vectors = small_tasks.drawn(5).inks[0], small_tasks.vectors(3)[0][0]
    sent: dict[str, tuple[Any, Any]] = {
        "classify": ("a fine play", "a fine play"),
        "vectors": (vectors, vectors),
        "speech": ({"samples": sound.samples, "rate": 8000}, sound),
        "handwriting": (strokes(ink), ink),
        "video": (clip, clip),
    }
    with serving({name: made(name) for name in sent}) as server:
        client = server.client()
        for name, (value, own) in sent.items():
            expected = made(name).predict([own])[0]
            found = client.predict(name, [value, value])
            assert [each.value for each in found] == [expected] * 2, name
        lists = client.predict("vectors", [vectors.tolist()])
        assert lists[0].value == made("vectors").predict([vectors])[0]


def test_probabilities_of_all_labels(serving: Any, made: Made) -> None:
    task: Any = made("classify")
    with serving([task]) as server:
        asked = {"probabilities": True}
        (found,) = server.client().predict("classify", ["a fine play"], **asked)
        (plain,) = server.client().predict("classify", ["a fine play"])
    (expected,) = task.predict_proba(["a fine play"])
    np.testing.assert_allclose(found.details["probabilities"], expected, rtol=1e-5)
    assert set(plain.details) == {"probability"}


def test_sound_as_a_file_and_as_raw_samples(
    serving: Any, made: Made, write_sound: Callable[..., Any]
) -> None:
    sound = small_tasks.say("ab a")
    path = write_sound("a.wav", sound.samples, 8000, "FLOAT")
    expected = made("speech").predict([sound])[0]
    with serving([made("speech")]) as server:
        url = f"{server.url}/v1/models/speech/predict"
        for address, body, kind in (
            (url, path.read_bytes(), "audio/wav"),
            (f"{url}?dtype=float32", sound.samples.tobytes(), "application/octet-stream"),
            (f"{url}?dtype=float32&shape=-1", sound.samples.tobytes(), "application/octet-stream"),
        ):
            request = urllib.request.Request(address, body, {"content-type": kind})
            with urllib.request.urlopen(request, timeout=20) as response:
                found = json.loads(response.read())
            assert [each["value"] for each in found["predictions"]] == [expected]
        client = server.client()
        assert client.predict("speech", [path.read_bytes()])[0].value == expected
        with pytest.raises(ServerError) as caught:
            client.predict("speech", [b"no sound at all"])
        assert caught.value.code == "bad_input"


def test_forecasts_of_a_table(serving: Any, made: Made) -> None:
    table = small_tasks.sales("2025-03-03", "c")
    plain = {**table, "ds": [str(each) for each in table["ds"]]}
    expected = made("forecast").predict(plain, h=2)
    rows = [dict(zip(plain, values, strict=True)) for values in zip(*plain.values(), strict=True)]
    with serving([made("forecast")]) as server:
        for value in (plain, rows):
            (found,) = server.client().predict("forecast", [value], h=2)
            np.testing.assert_allclose(found.value["mean"], expected["mean"], rtol=1e-6)
        for wrong in ("table.csv", [], {"ds": "2024"}, {"y": [{"a": 1}]}, [1, 2], None):
            with pytest.raises(ServerError) as caught:
                server.client().predict("forecast", [wrong])
            assert caught.value.code == "bad_input"


def test_signatures_and_writing(serving: Any, made: Made) -> None:
    inks = small_tasks.signed(21, 1).inks
    signature: Any = made("signature")
    with serving([signature, made("synthesis")]) as server:
        client = server.client()
        sent = {"references": [strokes(ink) for ink in inks[:2]], "signature": strokes(inks[2])}
        (found,) = client.predict("signature", [sent])
        signature.enrol("ann", inks[:2])
        assert found.value == signature.verify("ann", inks[2]).is_genuine
        with client.session("signature", references=2) as session:
            progress = [session.accept(strokes(ink)) for ink in inks[:3]]
        assert [each.details["missing"] for each in progress] == [1, 0, 0]
        assert progress[-1].value == found.value
        text = {"text": "-"} if made("synthesis").settings.condition != "nothing" else {}
        (written,) = client.predict("synthesis", [text], seed=1, most=5)
        assert np.array(written.value[0]).shape[1] == 2


def test_a_task_that_the_server_has_never_seen(serving: Any) -> None:
    """A session by the protocol alone, and one-shot requests through `predictions`."""
    from elman.tasks.prediction import Prediction
    from elman.tasks.session import Update

    class Sum:
        def __init__(self, state: Any) -> None:
            self.total = 0.0 if state is None else float(state["total"])

        def accept(self, chunk: Any, *, times: int = 1) -> Update:
            self.total += times * float(np.sum(chunk))
            return Update(self.total)

        def finish(self) -> Prediction:
            return Prediction(self.total)

        @property
        def state(self) -> dict[str, Any]:
            return {"total": self.total}

    class Adding(Task):
        name = "adding"

        def __init__(self) -> None:
            pass

        def session(self, *, state: Any = None) -> Sum:
            return Sum(state)

        def predictions(self, data: Any, **options: Any) -> list[Prediction]:
            return [Prediction(float(np.sum(each))) for each in data]

        def description(self) -> str:
            return "sums"

        def _example(self) -> Any:
            return None

    with serving([Adding()]) as server:
        client = server.client()
        with client.session("adding", binary=("float32", [-1, 2])) as session:
            session.accept(np.ones((3, 2), np.float32))
            assert session.accept([1, 2], times=2).value == 12
            with pytest.raises(ServerError, match="no option 'other'"):
                session.accept([1], other=1)
            state = session.state
            assert session.finish().value == 12
        with client.session("adding", state=state) as session:
            assert session.accept([1]).value == 13
        assert [each.value for each in client.predict("adding", [[1, 2], [3]])] == [3, 3]


@pytest.mark.parametrize(
    ("dtype", "shape"),
    [("object", [-1]), ("U8", [-1]), ("int16", [-1, -1]), ("int16", []), ("int16", [0]),
     ("int16", "x"), ("int16", [1] * 5), (3, [-1]), ("int16", [True]), ("int16", [10**9])],
)  # fmt: skip
def test_forms_that_no_array_has(dtype: Any, shape: Any) -> None:
    with pytest.raises(Exception, match=r"dtype=|shape="):
        ArrayForm(dtype, shape)


def test_values_go_through_json_and_back() -> None:
    array = np.array([[1.5, np.nan], [np.inf, 2]])
    found = jsonable({"a": array, "t": np.datetime64("2024-01-02"), 3: (None, True, np.int8(4))})
    assert json.loads(json.dumps(found, allow_nan=False)) == {
        "a": [[1.5, None], [None, 2.0]],
        "t": "2024-01-02",
        "3": [None, True, 4],
    }
    assert received({"samples": {"base64": "AAEC"}}, 10) == {"samples": b"\x00\x01\x02"}
    back = received({"base64": "AQACAA==", "dtype": "int16", "shape": [2]}, 10)
    np.testing.assert_array_equal(back, np.array([1, 2], np.int16))
    state = {"n": 3, "x": np.arange(3.0), "words": [["a", 0.5]], "none": None}
    again = unpacked(packed(state))
    assert (again["n"], again["words"], again["none"]) == (3, [["a", 0.5]], None)
    assert again["x"].tolist() == [0, 1, 2]


def test_the_descriptions_are_whole(serving: Any, made: Made) -> None:
    with serving([made("classify")]) as server:
        documents = {}
        for name in ("openapi", "asyncapi"):
            with urllib.request.urlopen(f"{server.url}/{name}.json", timeout=10) as response:
                documents[name] = json.loads(response.read())
        paths = documents["openapi"]["paths"]
        assert {"/v1/models/{name}/predict", "/v1/models/{name}/stream", "/metrics"} <= set(paths)
        channel = documents["asyncapi"]["channels"]["session"]
        assert channel["address"] == "/v1/models/{name}/session"
        for operation in documents["asyncapi"]["operations"].values():
            for each in operation["messages"]:
                assert each["$ref"].rpartition("/")[2] in channel["messages"]
        with urllib.request.urlopen(f"{server.url}/metrics", timeout=10) as response:
            text = response.read().decode()
        for name in ("elman_sessions", "elman_queue", "elman_batch_size", "elman_latency_seconds",
                     "elman_real_time_factor", "elman_evictions"):  # fmt: skip
            assert f"# TYPE {name}" in text


def test_every_kind_of_model_has_a_panel(serving: Any, made: Made) -> None:
    found = PANELS.findall(page_files()["main.js"][0].decode())
    panels = {(reads, answers): name for reads, answers, name in found}
    assert {f"panels/{name}.js" for name in panels.values()} < set(page_files())
    with serving({name: made(name) for name in small_tasks.MADE}) as server:
        client = server.client()
        forms = {each["id"]: (each["input"], each["output"]) for each in client.models()}
    chosen = {name: panels[form[0]["kind"], form[1]["kind"]] for name, form in forms.items()}
    others = {"vectors": "classify", "lines": "handwriting", "frames": "video", "events": "video"}
    assert chosen == {**{name: name for name in small_tasks.MADE}, **others}
    assert forms["classify"][1]["labels"] == ["+", "-"]
    assert forms["speech"][0]["rate"] == 8000
    assert forms["vectors"][0]["width"] == 2
    assert forms["forecast"][1]["horizon"] == 3
    assert forms["frames"][0]["needed"] == 2
