"""Names of languages as files of pairs write them: `en`, `en-US`, `English`."""

_CODES = (
    "af am ar az be bg bn bs ca cs cy da de el en eo es et eu fa fi fr ga gl gu he hi hr hu hy id"
    " is it ja ka kk km kn ko la lt lv mk ml mn mr ms my nb ne nl nn no pa pl ps pt ro ru si sk sl"
    " sq sr sv sw ta te th tl tr uk ur uz vi zh zu"
    " eng deu ger fra fre spa ita por rus cmn zho chi jpn kor ara nld"
)
_ENGLISH_NAMES = (
    "arabic bulgarian catalan chinese croatian czech danish dutch english esperanto estonian"
    " finnish french german greek hebrew hindi hungarian indonesian irish italian japanese korean"
    " latin latvian lithuanian mandarin norwegian persian polish portuguese romanian russian"
    " serbian slovak slovenian spanish swedish thai turkish ukrainian urdu vietnamese welsh"
)
_KNOWN = frozenset(f"{_CODES} {_ENGLISH_NAMES}".split())


def is_language(text: str) -> bool:
    """Whether a text is a language's code, with or without a region, or its English name.

    >>> is_language("en-US"), is_language("Chinese"), is_language("tea")
    (True, True, False)
    """
    return primary(text) in _KNOWN


def canonical(tag: str) -> str:
    """A tag to compare: `en_US` as `en-us`."""
    return tag.strip().replace("_", "-").lower()


def primary(tag: str) -> str:
    """The language of a tag without script and region: of `en-US`, `en`."""
    return canonical(tag).partition("-")[0]


def matches(wanted: str, tag: str) -> bool:
    """Whether a language is, or is a kind of, the one that is wanted.

    >>> matches("en", "en-US"), matches("en-GB", "en-US"), matches("EN_gb", "en-GB")
    (True, False, True)
    """
    wanted, tag = canonical(wanted), canonical(tag)
    return tag == wanted or tag.startswith(f"{wanted}-")
