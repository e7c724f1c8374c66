"""The model card: what a saved model is, in words for people."""

from collections.abc import Mapping
from typing import Any

from elman.tasks import comparison


def card(title: str, version: str, record: Mapping[str, Any], parameters: int) -> str:
    """The text of a model folder's README.md.

    **Arguments:** `version`: of elman; `record`: of the training, as `Task.record`.
    """
    lines = [
        f"# {title}",
        "",
        f"A model of [elman](https://pypi.org/project/elman/) {version} with"
        f" {parameters:,} parameters.",
        "",
        "```python",
        "import elman",
        "",
        'model = elman.load("this folder")',
        "```",
    ]
    sections = {
        "Data": record.get("data", {}),
        "Metrics on the validation data": record.get("metrics", {}),
        "Training": record.get("training", {}),
    }
    for title, values in sections.items():
        if values:
            lines += ["", f"## {title}", "", "| | |", "|---|---|"]
            lines += [f"| {name.replace('_', ' ')} | {value} |" for name, value in values.items()]
    if several := comparison.together(record):
        lines += ["", "## Ensemble", "", *(f"- {each}" for each in several)]
    lines += comparison.table(record.get("baselines", ()))
    if "latency_ms" in record:
        lines += [
            "",
            f"One prediction took {record['latency_ms']} ms on the training machine's CPU.",
        ]
    return "\n".join(lines) + "\n"
