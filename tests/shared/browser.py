"""A page in headless Chromium, asked by the DevTools protocol."""

import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

COMMAND = shutil.which("chromium") or shutil.which("google-chrome")


class Page:
    """A page that is open; `errors` are those of its console and those that nothing caught."""

    def __init__(self, url: str, *options: str) -> None:
        from websockets.sync.client import connect

        assert COMMAND is not None
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        usual = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
        own = [f"--user-data-dir={self._folder.name}", *options, "about:blank"]
        self._process = subprocess.Popen(
            [COMMAND, *usual, *own], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._open = ExitStack()
        self.errors: list[Any] = []
        self._count = 0
        try:
            self._socket = self._open.enter_context(connect(self._address(), max_size=None))
            for method in ("Runtime.enable", "Page.enable"):
                self.call(method)
            self.call("Page.navigate", url=url)
        except BaseException:
            self.close()
            raise

    def value(self, script: str) -> Any:
        """What an expression is in the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        return found["result"].get("value")

    def wait(self, script: str, seconds: float = 60) -> Any:
        """The value of an expression as soon as it is true."""
        end = time.monotonic() + seconds
        while not (found := self.value(script)):
            assert time.monotonic() < end, f"{script} is not true after {seconds} s: {self.errors}"
            time.sleep(0.2)
        return found

    def close(self) -> None:
        """End the browser."""
        self._open.close()
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def _address(self) -> str:
        port, end = Path(self._folder.name) / "DevToolsActivePort", time.monotonic() + 60
        while not (port.exists() and len(port.read_text().split()) > 1):
            assert time.monotonic() < end, "the browser does not start"
            time.sleep(0.1)
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port.read_text().split()[0]}/json"
        ) as found:
            pages = [each for each in json.load(found) if each["type"] == "page"]
        return str(pages[0]["webSocketDebuggerUrl"])

    def call(self, method: str, **params: Any) -> Any:
        """The result of a command of the protocol."""
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(timeout=60))
            kind, given = message.get("method"), message.get("params", {})
            if kind == "Runtime.exceptionThrown" or given.get("type") == "error":
                self.errors.append(given)
            if message.get("id") == self._count:
                return message["result"]
