"""The title of a report: the finding in one sentence, made from the facts by rules.

The rules for what cannot be said stand first: nothing scored, one class, too few rows, every fit
failed, one slot, no difference shown, not identifiable.
"""

from __future__ import annotations

from collections.abc import Iterator

from asof.study.facts import Life
from asof.study.findings import Findings, strongest
from asof.study.report import numbers, words

TITLE = 90
"""The longest title, in characters."""


def title(life: Life, found: Findings) -> str:
    """The finding in one sentence of at most 90 characters."""
    return next(text for text in _titles(life, found) if len(text) <= TITLE)


def _titles(life: Life, found: Findings) -> Iterator[str]:
    """Candidates, the first that applies first; each rule ends in one that is short enough."""
    for name in (life.system, "this system"):
        yield from _cannot_say(life, found, name)
        yield from _behind(life, found, name)
        yield from _one_slot(life, found, name)
        yield from _retraining_title(life, found, name)
        yield from _baseline_title(life, found, name)
        yield from _level_title(life, found, name)
    yield "What happened in this life"


def _cannot_say(life: Life, found: Findings, name: str) -> Iterator[str]:
    metric = life.metric.words
    if found.requests == 0:
        yield f"Nothing was asked of {name} in this life"
    elif found.scored == 0:
        yield f"No outcome of {name} counts yet, so it has no {metric} to show"
    elif found.trouble:
        yield f"{name} has no {metric} to show because {words.because(found.trouble)}"
        yield f"{name} has no {metric} to show"
    elif found.fits and found.failed == found.fits:
        fits = "The only fit" if found.fits == 1 else f"All {numbers.count(found.fits)} fits"
        if life.coverage.fallback == life.coverage.asked:
            yield f"{fits} of {name} failed, so every answer was its fallback"
        yield f"{fits} of {name} failed"


def _behind(life: Life, found: Findings, name: str) -> Iterator[str]:
    other = strongest(life)
    if other and other.difference and words.beside(found, other).verdict == "worse":
        size = words.scale(life).level(abs(other.difference.value or 0.0))
        yield f"{name} is behind {other.label} by {size} of {life.metric.words}"
        yield f"{name} is behind its strongest baseline by {size} of {life.metric.words}"


def _one_slot(life: Life, found: Findings, name: str) -> Iterator[str]:
    value = life.served.total.value
    if found.slots == 1 and value is not None:
        level = words.scale(life).level(value)
        yield f"{name} has a {life.metric.words} of {level} in its only {life.slot_words}"
        yield f"{name} has a {life.metric.words} of {level}"


def _retraining_title(life: Life, found: Findings, name: str) -> Iterator[str]:
    never = words.yardstick(life)
    if never is None or found.refits == 0:
        return
    pair = words.beside(found, never)
    final = "final " if 2 * pair.slots < found.slots else ""
    slots = f"{pair.ahead:,} of {pair.slots:,} {final}{life.slot_words}s"
    size = words.scale(life).level(abs(never.difference.value or 0.0)) if never.difference else ""
    metric = life.metric.words
    if pair.verdict == "better":
        number = numbers.spelt(found.promotions)
        times = "promotion" if found.promotions == 1 else "promotions"
        if 2 * pair.ahead > pair.slots and found.promotions:
            yield f"{number} {times} kept {name} ahead of a model that is not refit in {slots}"
            yield f"{number} {times} kept {name} ahead of never refitting in {slots}"
        yield f"Retraining {name} is worth {size} of {metric}, ahead in {slots}"
        yield f"Retraining {name} is worth {size} of {metric}"
    elif pair.verdict == "worse":
        yield f"Retraining {name} costs {size} of {metric} against a model that is not refit"
        yield f"Retraining {name} costs {size} of {metric}"
    elif pair.verdict == "no difference shown":
        yield f"No difference is shown between {name} and a model that is not refit"
        yield f"No difference is shown between retraining {name} and not"
    else:
        why = words.because(pair.why)
        yield f"What retraining {name} is worth is not identifiable because {why}"
        yield f"What retraining {name} is worth is not identifiable"


def _baseline_title(life: Life, found: Findings, name: str) -> Iterator[str]:
    other = strongest(life)
    if other is None:
        return
    pair = words.beside(found, other)
    slots = f"{pair.ahead:,} of {pair.slots:,} {life.slot_words}s"
    for label in (other.label, "its strongest baseline"):
        if pair.verdict == "better":
            yield f"{name} is ahead of {label} in {slots}"
        elif pair.verdict == "no difference shown":
            yield f"No difference is shown between {name} and {label}"
        elif pair.verdict == "not identifiable":
            yield f"Whether {name} beats {label} is not identifiable"


def _level_title(life: Life, found: Findings, name: str) -> Iterator[str]:
    value = life.served.total.value
    if value is not None:
        level = words.scale(life).level(value)
        over = numbers.many(found.slots, life.slot_words)
        yield f"{name} has a {life.metric.words} of {level} over {over}"
