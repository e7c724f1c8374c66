"""The task `Signature` on the command line."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from elman.errors import SettingsError
from elman.files import is_file
from elman.tasks.commands import Commands, EvaluateFlags, Note, Part, PredictFlags, Rows
from elman.tasks.signature.settings import SignatureSettings

if TYPE_CHECKING:
    from elman.tasks.signature.task import Signature


class Predict(PredictFlags):
    """Whom to enrol, and whose signatures are verified."""

    templates: Path | None = Field(None, description="File of the templates of enrolled persons.")
    enrol: str | None = Field(
        None, description="Enrol this person with the given signatures, replacing earlier ones."
    )
    person: str | None = Field(None, description="Verify the signatures as those of this person.")
    remove: str | None = Field(None, description="Remove this person from the templates.")
    threshold: float | None = Field(
        None, gt=0, lt=1, description="Minimum probability to accept a signature as genuine."
    )

    def run(
        self,
        task: "Signature",
        inputs: Sequence[str],
        data: str | None,
        *,
        as_json: bool,  # noqa: ARG002
    ) -> Iterator[Part]:
        """A row for each signature, or a note of who was enrolled or removed."""
        from elman.tasks.signature.templates import Templates

        if self.templates is None:
            raise SettingsError("--templates is missing: name the file of the enrolled persons")
        if sum(each is not None for each in (self.enrol, self.person, self.remove)) > 1:
            raise SettingsError("give one of --enrol, --person and --remove")
        if is_file(self.templates):
            task.templates = Templates.load(self.templates)
        elif self.enrol is None:
            raise SettingsError(f"{self.templates}: no such file; --enrol PERSON begins one")
        if self.remove is not None:
            if inputs or data is not None:
                raise SettingsError("--remove takes no signatures")
            task.templates.remove(self.remove)
            task.templates.save(self.templates)
            yield Note(f"{self.remove} is removed; {len(task.templates)} persons are enrolled")
            return
        if bool(inputs) == (data is not None):
            raise SettingsError("give either files of signatures, or --data")
        source = list(inputs) if inputs else [data]
        if self.enrol is not None:
            count = task.enrol(self.enrol, source)
            task.templates.save(self.templates)
            yield Note(
                f"{self.enrol} is enrolled by {count} signatures;"
                f" {len(task.templates)} persons are enrolled"
            )
            return
        for each in source:
            yield Rows(task.rows(each, person=self.person, threshold=self.threshold))


class Evaluate(EvaluateFlags):
    """How an evaluation is shown."""

    det_plot: Path | None = Field(
        None,
        description="Draw the detection error trade-off (DET) curve to this file, such as det.png.",
    )

    def run(self, task: "Signature", data: str, *, as_json: bool) -> Iterator[Part]:
        """The metrics, and those of dynamic time warping on the same comparisons."""
        if self.det_plot is not None:
            from elman.files import check_picture

            check_picture(self.det_plot)
        report = task.report(data)
        yield report.metrics
        if not as_json:
            yield Note(
                "DTW: " + ", ".join(f"{name} {value:.4f}" for name, value in report.warping.items())
            )
        if self.det_plot is not None:
            from elman.tasks.signature.plot import det_plot

            det_plot(report).savefig(self.det_plot, dpi=130)


COMMANDS = Commands(
    SignatureSettings,
    """Train a signature verifier, on the signatures of persons other than those to be verified.

    Example: `elman train signature --data signatures.csv --writer person --label label`
    """,
    predict=Predict,
    evaluate=Evaluate,
    data_settings=("path", "writer", "label"),
    reads=(),
)
