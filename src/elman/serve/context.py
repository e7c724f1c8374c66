"""What the routes of all protocols share."""

from dataclasses import dataclass

from elman.serve.metrics import Metrics
from elman.serve.models import Models
from elman.serve.sessions import Sessions
from elman.serve.settings import ServeSettings


@dataclass(frozen=True)
class Context:
    """The parts of one server: protocols take their models and sessions from here."""

    settings: ServeSettings
    metrics: Metrics
    models: Models
    sessions: Sessions
