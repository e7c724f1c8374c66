"""A person enrols, and signatures are verified, in one session."""

from typing import Any

import pytest
import small_tasks
from session_states import sent

from elman.data import Ink
from elman.errors import DataError, SettingsError
from elman.tasks import Signature


@pytest.fixture(scope="module")
def task() -> Signature:
    kind, own, data, _ = small_tasks.MADE["signature"]
    made: Signature = kind(**{**small_tasks.SMALL, **own}).fit(data, progress=False)
    return made


def test_it_says_what_enrol_and_verify_say(task: Signature) -> None:
    inks = small_tasks.signed(21, 2).inks
    task.enrol("ann", inks[:2])
    session, other = task.session(), task.session()
    assert [session.accept(ink).missing for ink in inks[:2]] == [1, 0]
    other.accept(inks[8])
    other.accept(inks[9])
    for ink in inks[2:4]:
        expected = task.verify("ann", ink)
        session = task.session(state=sent(session.state))
        update = session.accept(ink)
        assert (update.value, update.probability) == (
            expected.is_genuine,
            pytest.approx(expected.probability),
        )
    assert other.accept(inks[2]).probability != pytest.approx(expected.probability)
    final = session.finish()
    assert final.value == expected.is_genuine
    assert list(task.templates) == ["ann"]  # the sessions enrolled nobody


def test_what_it_refuses(task: Signature) -> None:
    session: Any = task.session(references=1)
    with pytest.raises(DataError, match="an Ink, not a str"):
        session.accept("/etc/passwd")
    with pytest.raises(DataError, match="single point"):
        session.accept(Ink.of_strokes([[(0, 0)]]))
    assert session.finish().error == "no signature was verified"
    with pytest.raises(SettingsError, match="finished"):
        session.accept(small_tasks.signed(21, 1).inks[0])
    for references in (0, 11, "2"):
        with pytest.raises(SettingsError, match="references"):
            task.session(references=references)
    state = task.session().state
    for wrong in ({}, {**state, "enrolled": 3}, {**state, "weights": "0"}):
        with pytest.raises(SettingsError, match="state"):
            task.session(state=wrong)
