"""The page in headless Chromium: what people do there, and what they see."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_tasks
from browser import COMMAND, Page

from elman.data import Ink
from elman.serve import background
from elman.tasks import Speech, Task, Translate
from elman.tasks.prediction import Prediction

pytestmark = pytest.mark.skipif(COMMAND is None, reason="no Chromium is installed")
SPOKEN = "ab a"
RATE = 8000
CONTROLS = ("textbox", "spinbutton", "combobox", "button", "slider", "checkbox", "link")
PAIRS = [(f"{n}", f"<{n}>") for n in range(10, 50)]


class Doubling(Task):
    """A task that no panel is made for."""

    name = "doubling"

    def __init__(self) -> None:
        pass

    def predictions(self, data: Any, **options: Any) -> list[Prediction]:
        return [Prediction(2 * each) for each in data]

    def description(self) -> str:
        return "twice a number"

    def _example(self) -> Any:
        return None


@dataclass
class Opened:
    """A page of a server, and the tasks that it serves."""

    page: Page
    url: str
    tasks: dict[str, Any]

    def show(self, name: str) -> Page:
        """The page as it shows a model first."""
        page = self.page
        page.look(1280)
        page.call("Page.navigate", url="about:blank")
        page.call("Page.navigate", url=f"{self.url}/#/{name}")
        page.wait(f"document.title.startsWith('{name} ')")
        return page


@pytest.fixture(scope="module")
def opened(
    made: Callable[[str], Task], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Opened]:
    soundfile = pytest.importorskip("soundfile")
    pytest.importorskip("soxr")
    tasks: dict[str, Any] = {name: made(name) for name in small_tasks.MADE}
    kind, own, data, _ = small_tasks.MADE["speech"]
    better = {"hidden_size": 24, "epochs": 60, "lr": 0.02, "bidirectional": False}
    speech: Speech = kind(**{**small_tasks.SMALL, **own, **better})
    translate = Translate(tokens="characters", hidden_size=32, lr=0.01, epochs=20, baselines=False)
    tasks["speech"] = speech.fit(data, progress=False)
    tasks["translate"] = translate.fit(PAIRS, PAIRS, progress=False)
    tasks["doubling"] = Doubling()
    sound = small_tasks.say(SPOKEN).samples
    wave = np.concatenate([np.zeros(RATE), sound, np.zeros(RATE)])
    file = tmp_path_factory.mktemp("sound") / "said.wav"
    soundfile.write(file, wave, RATE, subtype="PCM_16")
    with background(tasks, reload_s=0) as server:
        page = Page(
            "about:blank",
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-audio-capture={file}",
            "--autoplay-policy=no-user-gesture-required",
        )
        try:
            yield Opened(page, server.url, tasks)
        finally:
            page.close()
    assert page.errors == []


def every(selector: str) -> str:
    return f"[...document.querySelectorAll({json.dumps(selector)})]"


def titled(selector: str, text: str) -> str:
    return f"{every(selector)}.find((each) => each.textContent === {json.dumps(text)})"


def texts(selector: str) -> str:
    return f"{every(selector)}.map((each) => each.textContent)"


def press(page: Page, text: str) -> None:
    page.value(f"{titled('main button', text)}.click()")


def words(selector: str) -> str:
    return f"document.querySelector({json.dumps(selector)})?.textContent"


def drawn(page: Page, points: list[tuple[int, int]]) -> None:
    x, y = page.value("""(() => {
        const pad = document.querySelector('.pad svg');
        pad.scrollIntoView({ block: 'center' });
        const box = pad.getBoundingClientRect();
        return [box.x, box.y];
    })()""")
    page.draw([(x + a, y + b) for a, b in points])


def test_texts_are_classified_while_they_are_typed(opened: Opened) -> None:
    page, task = opened.show("classify"), opened.tasks["classify"]
    for text in ("a fine play", "bad film"):
        (label,), (shares,) = task.predict([text]), task.predict_proba([text])
        page.fill("textarea", text)
        told = f"{label}, {100 * max(shares):.1f} %"
        page.wait(f"{words('[role=status]')} === {json.dumps(told)}")
        assert page.value(words(".answer")) == label
        assert page.value("document.querySelectorAll('.bars tbody tr').length") == len(task.labels)


def test_features_of_a_table_are_classified(opened: Opened, tmp_path: Path) -> None:
    page, task = opened.show("vectors"), opened.tasks["vectors"]
    steps = small_tasks.vectors(1)[0][0]
    page.fill("textarea", "1,2,3")
    press(page, "Classify")
    page.wait(f"{words('[role=alert]')} === 'Row 1 has 3 cells, and 2 numbers are needed'")
    (tmp_path / "steps.csv").write_text(
        "a;b\n" + "\n".join(";".join(f"{x}".replace(".", ",") for x in row) for row in steps)
    )
    page.upload("input[type=file]", tmp_path / "steps.csv")
    page.wait(f"{words('.answer')} === {json.dumps(task.predict([steps])[0])}")


def test_a_text_is_written_on(opened: Opened) -> None:
    page, task = opened.show("language"), opened.tasks["language"]
    page.fill("textarea", "the cat")
    for name, value in (("Tokens", "30"), ("Temperature", "0")):
        page.value(f"{titled('label', name)}.control.value = {value}")
    press(page, "Write on")
    page.wait(f"{words('.status')}.endsWith('written')")
    expected = task.session(length=30, temperature=0).accept("the cat").value
    assert page.value("document.querySelector('textarea').value") == "the cat" + expected
    page.value("document.querySelector('input[type=number]').value = 5000")
    press(page, "Write on")
    page.wait(f"!{titled('main button', 'Stop')}.disabled && {words('.status')} === 'Writing'")
    press(page, "Stop")
    page.wait(f"{words('.status')}.startsWith('Stopped after')")


def test_speech_of_a_file_and_of_the_microphone(opened: Opened, tmp_path: Path) -> None:
    import soundfile

    page, sound = opened.show("speech"), small_tasks.say(SPOKEN)
    soundfile.write(tmp_path / "said.flac", sound.samples, RATE, subtype="PCM_24")
    page.upload("input[type=file]", tmp_path / "said.flac")
    page.wait(f"{words('.status')} === '2 words'")
    assert page.value(words("[role=log]")) == SPOKEN
    cells = page.value(texts("tbody td"))
    (found,) = opened.tasks["speech"].predictions([sound])
    for i, word in enumerate(found.details["words"]):
        expected = [word.text, f"{word.start:.2f}", f"{word.end:.2f}"]
        assert cells[4 * i : 4 * i + 3] == expected
    press(page, "Start microphone")
    partial = "document.querySelector('.unsure').textContent"
    page.wait(f"{partial} !== '' || {words('[role=log]')} !== ''")
    page.wait(f"{texts('[role=log] p')}.includes({json.dumps(SPOKEN)})")
    press(page, "Stop")
    page.wait(f"{words('.status')}.endsWith('words')")
    assert SPOKEN in page.value(words("[role=log]"))
    assert page.value("document.querySelectorAll('tbody tr').length") >= 2


def test_ink_is_read_while_it_is_drawn(opened: Opened) -> None:
    page, task = opened.show("handwriting"), opened.tasks["handwriting"]
    strokes: list[list[tuple[int, int]]] = []
    for points in ([(40, 40), (90, 150), (150, 40)], [(60, 90), (130, 95)]):
        drawn(page, points)
        strokes.append([points[0], *points])
        ink = Ink.of_strokes([np.array(each, float) for each in strokes])
        (found,) = task.predictions([ink])
        percent = page.value(f"({100 * found.details['probability']}).toFixed(1)")  # ties go up
        told = f"{found.value}, {percent} %"
        page.wait(f"{words('[role=status]')} === {json.dumps(told)}")
        assert page.value(words(".answer")) == found.value
    assert page.value("document.querySelectorAll('.pad polyline').length") == 2
    press(page, "Undo")
    page.wait(
        "document.querySelector('.pad svg').getAttribute('aria-label') === 'Drawing: 1 stroke'"
    )
    press(page, "Clear")
    page.wait(f"{words('.answer')} === ''")


def test_a_forecast_is_drawn_with_its_intervals(opened: Opened, tmp_path: Path) -> None:
    page, task = opened.show("forecast"), opened.tasks["forecast"]
    table = small_tasks.sales("2025-03-03", "cd")
    plain = {**table, "ds": [str(each) for each in table["ds"]]}
    rows = zip(*plain.values(), strict=True)
    lines = [",".join(plain), *(",".join(map(str, row)) for row in rows)]
    (tmp_path / "sales.csv").write_text("\n".join(lines))
    page.upload("input[type=file]", tmp_path / "sales.csv")
    page.wait(f"{words('.status')} === '2 series'")
    assert page.value("document.querySelectorAll('.chart polygon').length") == 2
    expected = task.predict(plain)["median"]
    for name, part in (("c", expected[:3]), ("d", expected[3:])):
        page.value(f"""(() => {{
            const select = document.querySelector('select');
            select.value = '{name}';
            select.dispatchEvent(new Event('change'));
        }})()""")
        cells = page.value(texts("tbody td:nth-child(2)"))
        np.testing.assert_allclose([float(each) for each in cells], part, rtol=1e-4)


def test_translations_come_in_pieces_or_as_a_list(opened: Opened) -> None:
    page, task = opened.show("translate"), opened.tasks["translate"]
    page.fill("textarea", "12\n34")
    press(page, "Translate")
    page.wait(f"{words('.status')} === 'Translated'")
    expected = "\n".join(task.predict(["12", "34"]))
    assert expected.strip()
    assert page.value(words("[role=log]")).strip() == expected.strip()
    page.value("document.querySelector('input[type=number]').value = 3")
    press(page, "Translate")
    page.wait("document.querySelectorAll('li').length >= 6")


def test_a_signature_is_verified(opened: Opened) -> None:
    page = opened.show("signature")
    assert "no legal proof" in page.value("document.querySelector('main').textContent")
    for i in range(3):
        drawn(page, [(40 + 10 * k + i, 60 + 30 * (k % 2)) for k in range(12)])
        press(page, "Verify" if i == 2 else "Enrol as reference")
    page.wait(f"!!{words('.answer')}")
    assert page.value(words(".answer")) in ("Taken as genuine", "Not taken as genuine")


def test_ink_is_written(opened: Opened) -> None:
    page = opened.show("synthesis")
    page.fill("input[type=text]", "v-" if opened.tasks["synthesis"].preprocessing.has_text else "")
    press(page, "Write")
    page.wait("!!document.querySelector('.written polyline')")


def test_frames_are_seen(opened: Opened, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    clip = np.asarray(small_tasks.moving(3)[0][0], np.uint8)
    paths = [tmp_path / f"frame {i}.png" for i in range(len(clip))]
    for frame, path in zip(clip, paths, strict=True):
        image.fromarray(frame.squeeze()).save(path)
    page = opened.show("video")
    page.upload("input[type=file]", *reversed(paths))
    page.wait(f"{words('.answer')} === {json.dumps(opened.tasks['video'].predict([clip])[0])}")
    page = opened.show("frames")
    page.upload("input[type=file]", *paths)
    page.wait("document.querySelectorAll('canvas').length === 4")
    page = opened.show("events")
    page.upload("input[type=file]", *paths)
    page.wait("!!document.querySelector('.card:not([hidden]) :is(table, .answer)')")


def test_a_model_without_a_panel_and_errors_in_words(opened: Opened) -> None:
    page = opened.show("doubling")
    page.fill("textarea", "[1")
    press(page, "Ask")
    page.wait(f"{words('[role=alert]')}?.startsWith('The input is not JSON')")
    page.fill("textarea", "21")
    press(page, "Ask")
    page.wait(f"{words('pre')}?.includes('\"value\": 42')")
    page = opened.show("forecast")
    page.fill("textarea", "y\n1")
    press(page, "Forecast")
    assert "ds" in page.wait(words("[role=alert]"))
    page.errors[:] = [each for each in page.errors if "422" not in str(each)]  # as it was meant


def test_every_panel_fits_a_phone_and_names_its_controls(opened: Opened) -> None:
    page = opened.page
    for name in opened.tasks:
        opened.show(name)
        for dark in (False, True):
            page.look(360, dark=dark)
            assert page.value("document.documentElement.scrollWidth") <= 360, name
        nodes = page.call("Accessibility.getFullAXTree")["nodes"]
        found = [each for each in nodes if each.get("role", {}).get("value") in CONTROLS]
        assert len(found) > len(opened.tasks), name
        assert all(each["name"]["value"] for each in found), name


def test_a_token_is_asked_for_and_kept_for_the_tab(
    opened: Opened, made: Callable[[str], Task], tmp_path: Path
) -> None:
    token = "a+long/token=="  # no subprotocol may have such characters
    (tmp_path / "token").write_text(token)
    page = opened.page
    tasks = {"speech": opened.tasks["speech"]}
    with background(tasks, reload_s=0, token_file=tmp_path / "token") as server:
        page.call("Page.navigate", url=f"{server.url}/")
        page.wait("document.activeElement?.type === 'password'")
        for given in ("wrong-token", token):
            page.fill("input[type=password]", given)
            page.call(
                "Input.dispatchKeyEvent", type="keyDown", key="Enter", code="Enter", text="\r"
            )
            page.wait(
                "!!document.querySelector('[role=alert]:not([hidden])')"
                if given != token
                else "document.title.startsWith('speech ')"
            )
        press(page, "Start microphone")
        page.wait(f"{words('.status')} === 'Listening'")
        press(page, "Stop")
        page.wait(f"{words('.status')} !== 'Listening' && {words('.status')} !== 'Recognising'")
        kept = page.value("[JSON.stringify(localStorage), document.cookie, sessionStorage.length]")
        assert kept == ["{}", "", 1]
        page.call("Page.reload")
        page.wait("document.title.startsWith('speech ')")
        page.value("document.getElementById('forget').click()")
        page.wait("document.activeElement?.type === 'password'")
        assert page.value("sessionStorage.length") == 0
    page.errors[:] = [each for each in page.errors if "401" not in str(each)]  # as it was meant
