"""How wide a text will be when no font is shipped, and where to break it.

Advance widths are those of DejaVu Sans, the widest face that the font stack commonly falls back
to, with six per cent more: about 12% above Inter.
"""

from __future__ import annotations

_SLACK = 1.06
_BOLD = 1.13
_WIDTHS = (
    (0.28, "'ijlIJ"), (0.33, " \u00a0,.·/:;\\|"),
    (0.37, "f-"), (0.41, "()[]t!r"), (0.51, '"*_`\u2013sz'),
    (0.56, "?cLF"), (0.60, "kvxyP"), (0.64, "TYaoeESbdghnpqu0123456789${}"), (0.70, "KAVBRXZC"),
    (0.79, "UHNDG&OQ"), (0.86, "w#+<=>^~\u2212\u00d7M"), (1.0, "%mW@…"),
)  # fmt: skip
_ADVANCE = {letter: width for width, letters in _WIDTHS for letter in letters}


def width(text: str, size: float = 12, *, bold: bool = False) -> float:
    """The width of `text` in px, rather too much than too little.

    >>> 20 < width("served") < 45
    True
    """
    em = sum(_ADVANCE.get(letter, 1.0) for letter in text)
    return em * size * _SLACK * (_BOLD if bold else 1)


def wrap(text: str, room: float, size: float = 12, *, lines: int = 99) -> list[str]:
    """`text` in lines no wider than `room`; what does not fit into `lines` ends in an ellipsis.

    >>> wrap("same aircraft, same departure, twice", 120)
    ['same aircraft,', 'same departure,', 'twice']
    """
    found: list[str] = []
    for word in text.split(" "):
        joined = f"{found[-1]} {word}" if found else word
        if found and width(joined, size) <= room:
            found[-1] = joined
        else:
            found.append(word)
    cut = found[:lines]
    if len(found) > lines:
        cut[-1] += "…"
    return [shorten(line, room, size) for line in cut]


def shorten(text: str, room: float, size: float = 12, *, bold: bool = False) -> str:
    """`text`, cut with an ellipsis where it is wider than `room`.

    >>> shorten("constant rate", 40)
    'con…'
    """
    if width(text, size, bold=bold) <= room:
        return text
    bare = text.rstrip("…")
    while bare and width(f"{bare}…", size, bold=bold) > room:
        bare = bare[:-1]
    return f"{bare.rstrip()}…"
