"""The root of every named error of the agent.

Each error stands in the module that raises it, with a stable `code`::

    AgentError
    ├── settings.BadSetting              a setting is missing, unknown or of the wrong kind
    ├── machine.lock.HomeInUse            another agent works on the same home folder
    ├── server.client.ServerTrouble      passing: try again later
    │   ├── Unreachable                  no answer, or not in time
    │   ├── Throttled                    429, with the wait that the server asked for
    │   ├── ServerBroken                 5xx, or an answer that makes no sense
    │   └── update.download.BudgetSpent  the day's bytes are used up
    ├── server.client.ServerRefusal      lasting: 4xx
    │   ├── Unauthorized                 401
    │   ├── Forbidden                    403
    │   └── FinalRefusal                 422
    ├── server.answers.BadAnswer         an answer breaks the contract (ServerBroken to callers)
    ├── enrollment.EnrollmentError
    │   ├── NotEnrolled                  no identity yet, and no key to get one
    │   └── AwaitingAcceptance           202: a person has to accept the device
    ├── update.failures.UpdateFailed     this attempt is over; the last good model stays
    ├── update.failures.Interrupted      the agent was asked to stop in the middle of a step
    ├── installed.slots.SlotBroken       a slot does not hold what its manifest says
    └── inference.session.RuntimeFailed
        ├── NotInstalled, LoadFailed     nothing to run it with; ONNX Runtime refuses the model
        ├── InferenceFailed              the model failed, or gave NaN
        ├── inference.array_checks.BadInput  the caller's input does not fit
        └── runtime.runtime.NoModel      nothing can be loaded
"""

from typing import ClassVar


class AgentError(Exception):
    """A named refusal or failure of the agent."""

    code: ClassVar[str] = "agent_error"
