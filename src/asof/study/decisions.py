"""The decisions of a life, each with its reason in words and its evidence (LAW 7f)."""

from __future__ import annotations

from collections.abc import Sequence

from asof.engine.messages import (
    Deferred,
    Message,
    Promoted,
    Trained,
    TrainingBegan,
    TrainingFailed,
)
from asof.study.facts import DecisionFact, Evidence


def decisions(messages: Sequence[Message]) -> list[DecisionFact]:
    """The decisions of a life; a training that took no time and was promoted at once is one."""
    began = {m.model: m for m in messages if isinstance(m, TrainingBegan)}
    trained = {m.model: m for m in messages if isinstance(m, Trained)}
    ended = {m.model: m for m in messages if isinstance(m, Trained | TrainingFailed)}
    served = {m.model for m in messages if isinstance(m, Promoted)}
    found: list[DecisionFact] = []
    serving = False
    for message in messages:
        match message:
            case TrainingBegan(at=at, model=model, reason=reason):
                if model not in ended or ended[model].at > at:
                    found.append(DecisionFact(at, "train", f"{model}: {reason}", {"model": model}))
            case Trained(at=at, model=model, rows=rows):
                if model not in served:
                    told: dict[str, Evidence] = {"model": model, "rows": rows}
                    found.append(DecisionFact(at, "trained", f"{model} on {rows:,} rows", told))
            case Promoted(at=at, model=model, reason=reason):
                serving = True
                rows = trained[model].rows
                words = f"{model} on {rows:,} rows ({began[model].reason}): {reason}"
                told = {"model": model, "rows": rows}
                found.append(DecisionFact(at, "promoted", words, told))
            case TrainingFailed(at=at, model=model, reason=reason, traceback=trace):
                rest = "the model before it goes on" if serving else "no model serves yet"
                words = f"{model} ({began[model].reason}) failed, {rest}: {reason.splitlines()[0]}"
                told = {"model": model, "reason": reason, "traceback": trace}
                found.append(DecisionFact(at, "failed", words, told))
            case Deferred(at=at, reason=reason):
                found.append(DecisionFact(at, "deferred", f"{reason}; a training is under way"))
            case _:
                pass
    return found
