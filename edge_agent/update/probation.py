"""The rule of probation: a pure function of counted evidence.

- A model is confirmed when its time is over *and* the application has made the number of inferences. With one inference
  too few it stays on probation, however long.
- Without a single inference in three times the time, no application runs here. The model is then confirmed on its
  self-test and the time alone, and the report says so.
- A failed load, or too many failed inferences in a row, rolls the model back at once.
"""

import dataclasses
import enum

from edge_agent.update.failures import Failure

IDLE_PATIENCE = 3.0


class Decision(enum.StrEnum):
    """What to do with a model on probation."""

    HOLD = "hold"
    CONFIRM = "confirm"
    ROLL_BACK = "roll_back"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evidence:
    """The counts of a model since its activation."""

    elapsed_seconds: float
    inferences: int
    consecutive_errors: int
    load_failures: int
    last_error: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """The decision, and its reason as a sentence; `failure` is set for a roll-back."""

    decision: Decision
    reason: str
    failure: Failure | None = None


def decide(
    evidence: Evidence, *, probation_seconds: float, probation_inferences: int, max_consecutive_errors: int
) -> Verdict:
    """Decide on a model on probation."""
    if evidence.load_failures:
        reason = f"the application could not load it: {evidence.last_error}"
        return Verdict(decision=Decision.ROLL_BACK, reason=reason, failure=Failure.CRASH)
    if evidence.consecutive_errors >= max_consecutive_errors:
        reason = f"{evidence.consecutive_errors} inferences in a row failed: {evidence.last_error}"
        return Verdict(decision=Decision.ROLL_BACK, reason=reason, failure=Failure.PROBATION_FAILED)
    if evidence.elapsed_seconds < probation_seconds:
        return Verdict(decision=Decision.HOLD, reason="the time is not over")
    if evidence.inferences >= probation_inferences:
        reason = f"{evidence.inferences} inferences in {evidence.elapsed_seconds:.0f} s without a trip"
        return Verdict(decision=Decision.CONFIRM, reason=reason)
    if evidence.inferences == 0 and evidence.elapsed_seconds >= IDLE_PATIENCE * probation_seconds:
        reason = f"no application recorded an inference in {evidence.elapsed_seconds:.0f} s; self-test and time alone"
        return Verdict(decision=Decision.CONFIRM, reason=reason)
    reason = f"{evidence.inferences} of {probation_inferences} inferences"
    return Verdict(decision=Decision.HOLD, reason=reason)
