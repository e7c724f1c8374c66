"""What clients send to a served verifier: signatures."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from elman.errors import DataError
from elman.tasks.ink_messages import InkMessages, ink
from elman.tasks.messages import check_options
from elman.tasks.prediction import Prediction
from elman.tasks.signature.templates import MOST
from elman.tasks.steps import Steps


class SignatureMessages(InkMessages):
    """Ink of one person; the server keeps no references but those of open sessions."""

    session_options: ClassVar[tuple[str, ...]] = ("references", "threshold")
    predict_options: ClassVar[tuple[str, ...]] = ("threshold",)

    @property
    def reads(self) -> dict[str, Any]:
        """Signatures: `references`, how many are usual, and one beside them."""
        channels = self.task.preprocessing.channels
        return {
            **super().reads,
            "kind": "signatures",
            "references": self.task.settings.references,
            "channels": channels,
        }

    @property
    def answers(self) -> dict[str, Any]:
        """Whether a signature is genuine."""
        return {"kind": "verification", "threshold": self.task.settings.threshold}

    def chunk(self, value: Any) -> Any:
        """A signature."""
        return ink(value)

    def predictions(
        self, values: Sequence[Any], options: Mapping[str, Any]
    ) -> Steps[list[Prediction]]:
        """Whether each `signature` is of the person of its `references`."""
        yield from ()
        given = check_options(options, self.predict_options)
        return [self._verified(value, given) for value in values]

    def _verified(self, value: Any, options: Mapping[str, Any]) -> Prediction:
        if not isinstance(value, dict) or set(value) != {"references", "signature"}:
            raise DataError('a request has "references", a list of ink, and "signature", ink')
        references = value["references"]
        if not isinstance(references, list) or not 1 <= len(references) <= MOST:
            raise DataError(f"references are a list of 1 to {MOST} pieces of ink")
        session = self.task.session(references=len(references), **options)
        for each in [*references, value["signature"]]:
            session.accept(ink(each))
        found: Prediction = session.finish()
        return found
