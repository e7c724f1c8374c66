"""How models are served."""

from pathlib import Path

from pydantic import ConfigDict, Field

from elman.data.validation import Settings

_MB = 2**20


class ServeSettings(Settings):
    """Addresses, limits and times of a server; sizes in bytes, times as their names say.

    >>> ServeSettings(max_sessions=50).batch
    32
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port; 0 chooses a free one.")
    token_file: Path | None = Field(
        None, description="File with the tokens that requests must carry, one a line."
    )
    max_sessions: int = Field(200, ge=1, le=10**6, description="Maximum number of open sessions.")
    batch: int = Field(32, ge=1, le=4096, description="Maximum number of streams in one batch.")
    wait_ms: float = Field(
        5, ge=0, le=1000, description="Milliseconds that a busy model waits for a fuller batch."
    )
    idle_s: float = Field(
        60, gt=0, le=86400, description="Seconds without messages after which a session is evicted."
    )
    workers: int = Field(
        1, ge=1, le=256, description="Number of processes, each with its own sessions."
    )
    drain_s: float = Field(
        30, ge=0, le=3600, description="Seconds that open sessions have to finish after SIGTERM."
    )
    reload_s: float = Field(
        2,
        ge=0,
        le=3600,
        description="Seconds between checks of the models' folders for changes; 0: never.",
    )
    queue: int = Field(
        8, ge=1, le=1024, description="Maximum number of waiting messages of a session."
    )
    max_body: int = Field(
        32 * _MB, ge=1024, le=2**32, description="Maximum size of a request's body, in bytes."
    )
    max_frame: int = Field(
        _MB, ge=1024, le=2**30, description="Maximum size of a WebSocket message, in bytes."
    )
    max_inputs: int = Field(
        256, ge=1, le=10**5, description="Maximum number of inputs in a single request."
    )
    max_text: int = Field(
        100_000, ge=1, le=10**8, description="Maximum length of a text, in characters."
    )
    max_waiting: int = Field(
        1000,
        ge=1,
        le=10**6,
        description="Maximum number of single requests that wait for their answers.",
    )
    max_seconds: float = Field(
        120, gt=0, le=86400, description="Maximum time to answer a message, in seconds."
    )
