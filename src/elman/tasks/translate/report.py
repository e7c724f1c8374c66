"""What a translator makes of one source, and how well it does on pairs."""

from dataclasses import dataclass
from typing import NamedTuple

from elman.tasks.prediction import Evaluation
from elman.tasks.translate.decoding import Found


class Output(NamedTuple):
    """What the network makes of one source.

    - `found`: the n best translations, `texts` each's text, `pieces` of the best one.
    - `nats`, `tokens`: of the given target; 0 and 0 where there is none.
    """

    found: list[Found]
    texts: list[str]
    pieces: list[str]
    nats: float
    tokens: int


@dataclass(frozen=True)
class TranslationReport(Evaluation):
    """How a translator does: metrics, and how sacrebleu computed them.

    - `signatures`: of BLEU, chrF and TER, by their names.
    - `sources`, `translations`, `references`: each different source, its translation, and all its
      references.
    """

    signatures: dict[str, str]
    sources: list[str]
    translations: list[str]
    references: list[list[str]]
