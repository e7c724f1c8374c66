"""What clients send to a served translator: texts."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from elman.errors import SettingsError
from elman.tasks.prediction import Prediction
from elman.tasks.session import Session
from elman.tasks.steps import Steps
from elman.tasks.text_messages import TextMessages

_MOST_BEAM = 64


class TranslateMessages(TextMessages):
    """Texts to translate. A table of terms is given as pairs, not as the name of a file."""

    session_options: ClassVar[tuple[str, ...]] = (
        *("beam", "length_penalty", "coverage_penalty", "prefix", "no_repeat_ngram", "terms"),
        *("temperature", "top_k", "top_p", "seed", "partial"),
    )
    predict_options: ClassVar[tuple[str, ...]] = (*session_options[:-1], "n_best")

    @property
    def answers(self) -> dict[str, Any]:
        """A text."""
        return {"kind": "text"}

    def session(self, options: Mapping[str, Any], state: Mapping[str, Any] | None) -> Session:
        """A session; a beam wider than 64 is refused."""
        return super().session(_checked(options), state)

    def predictions(
        self, values: Sequence[Any], options: Mapping[str, Any]
    ) -> Steps[list[Prediction]]:
        """The translation of each text; a beam wider than 64 is refused."""
        return super().predictions(values, _checked(options))


def _checked(options: Mapping[str, Any]) -> dict[str, Any]:
    beam, terms = options.get("beam"), options.get("terms")
    if isinstance(beam, int) and beam > _MOST_BEAM:
        raise SettingsError(f"beam={beam}: a server searches with beams up to {_MOST_BEAM}")
    if terms is not None and not _are_pairs(terms):
        raise SettingsError("terms are a list of pairs of texts, [source, target]")
    return {**options, **({} if terms is None else {"terms": [tuple(pair) for pair in terms]})}


def _are_pairs(terms: Any) -> bool:
    return isinstance(terms, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(each, str) for each in pair)
        for pair in terms
    )
