"""What came out of a run, beside its baselines; and what went in, the settings."""

from typing import Any

from elman import html
from elman.tasks import comparison
from elman.tasks.run_report.run import Run

_LONGEST = 200  # characters of a fact or a setting


def parts(run: Run) -> list[str]:
    """Metrics on what was held out, the table of baselines, and the facts of the data."""
    record = run.task.record
    metrics = {name.replace("_", " "): f"{v:.4g}" for name, v in record["metrics"].items()}
    rows = record.get("baselines", ())
    found = [html.text("On the validation data:"), html.facts(metrics)]
    found += [html.text(f"{line}.") for line in comparison.together(record)]
    if warning := comparison.no_better(rows):
        found.append(html.strong(f"Warning: {warning}."))
    if rows:
        found += [_baselines(rows)]
    data = {
        name.replace("_", " "): _short(value)
        for name, value in record["data"].items()
        if name != "training_sha256"
    }
    return [*found, html.text("The data:"), html.facts(data)]


def _baselines(rows: Any) -> str:
    metric = rows[0]["metric"].replace("_", " ")
    table = [
        (
            f"{row['name']} ({row['note']})" if row["note"] else row["name"],
            f"{row['baseline']:.4f}",
            f"{row['model']:.4f}",
            f"{row['low']:+.4f} to {row['high']:+.4f}",
            comparison.outcome(row),
        )
        for row in rows
    ]
    return html.table(
        ["baseline", metric, "of the model", "difference, 95 % interval", "verdict"],
        table,
        caption="Simple methods trained on the same data and measured on the same validation data;"
        " intervals are of the paired bootstrap over its examples.",
        stacked=True,
    )


def settings(run: Run) -> list[str]:
    """The plan in its lines, and the settings: given, chosen from the data, and as always."""
    task = run.task
    given, chosen, usual = [], [], []
    for name, value in task.settings.model_dump(mode="json").items():
        row = (name, _short(value))
        if name in task.asked:
            given.append(row)
        elif value != type(task.settings).model_fields[name].get_default():
            chosen.append(row)
        else:
            usual.append(row)
    found = [html.preformatted("\n".join(task.planned))] if task.planned else []
    origin = "Chosen from the data."
    if "started_from" in task.record["training"]:
        planned = ", or chosen from the data" if task.planned else ""
        origin = f"Those of the model that it started from{planned}."
    if given:
        found.append(html.table(["setting", "value"], given, caption="Given."))
    if chosen:
        found.append(html.table(["setting", "value"], chosen, caption=origin))
    table = html.table(["setting", "value"], usual)
    return [*found, html.folded(f"{len(usual)} settings with their usual values", table)]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
