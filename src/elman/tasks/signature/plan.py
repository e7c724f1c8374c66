"""What a verifier of signatures chooses from its data."""

from elman.tasks.plan import Plan, Preset, length
from elman.tasks.signature.batches import A_TRIAL, VISITS
from elman.tasks.signature.dataset import SignatureData

_STEPS = 300


def plan(train: SignatureData, batch_size: int, preset: Preset) -> Plan:
    """How long to train."""
    persons = train.persons
    forged = sum(len(forgeries) for _, forgeries in persons.values())
    facts = f"{len(train) - forged:,} genuine signatures of {len(persons):,} persons, " + (
        f"{forged:,} skilled forgeries" if forged else "no skilled forgeries"
    )
    steps = max(_STEPS, len(persons) * VISITS * A_TRIAL / batch_size)
    chosen = length(
        len(persons) * VISITS * A_TRIAL, batch_size, steps=steps, preset=preset, longest=100
    )
    chosen["evaluate_every"] = max(chosen["evaluate_every"], 50)
    return Plan(facts, chosen)
