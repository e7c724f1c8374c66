"""How the text of a network's scores is searched for: settings of all recognisers."""

from pydantic import Field

from elman.data.validation import Settings


class TextSearchSettings(Settings):
    """A beam search weighed by an n-gram model of words."""

    ngram: int = Field(
        3,
        ge=0,
        le=6,
        description="Order of the n-gram language model of the transcripts; 0 for none.",
    )
    lm: str | None = Field(
        None,
        description="ARPA file of a word language model, instead of one learnt from the"
        " transcripts.",
    )
    lexicon: bool = Field(
        False, description="Closed vocabulary: only words of the transcripts or of lm."
    )
    beam: int = Field(16, ge=1, le=1000, description="Beam width; 1 is greedy decoding.")
    lm_weight: float | None = Field(
        None, ge=0, le=10, description="Language model weight; tuned on held-out data if none."
    )
    word_bonus: float | None = Field(
        None, ge=-20, le=20, description="Word insertion bonus; tuned on held-out data if none."
    )
