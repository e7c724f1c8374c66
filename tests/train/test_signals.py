"""The first signal asks, the second acts; other people's handlers are left alone."""

import signal
import threading

import pytest

from elman.train.signals import StopRequest


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_only_asks(signum, capfd):
    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    with StopRequest(announce=True) as request:
        assert request.signum is None
        signal.raise_signal(signum)
        assert request.signum == signum
        assert before == [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    assert "stopping after this step" in capfd.readouterr().err


def test_the_second_one_acts():
    with StopRequest(announce=False) as request:
        signal.raise_signal(signal.SIGINT)
        assert request.signum == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_handlers_come_back_after_an_exception():
    def fail() -> None:
        with StopRequest(announce=False):
            assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with StopRequest(announce=False) as request:
            signal.raise_signal(signal.SIGINT)
            assert request.signum is None
    finally:
        signal.signal(signal.SIGINT, before)


def test_nothing_is_changed_outside_the_main_thread():
    seen = []

    def run():
        with StopRequest(announce=False):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
