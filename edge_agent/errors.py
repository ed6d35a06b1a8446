"""The root of every named error of the agent.

Each error stands in the module that raises it, or in its folder's `failures.py` where several modules raise it, and has a
stable `code`::

    AgentError
    ├── setting_kinds.BadSetting             a setting is missing, unknown or of the wrong kind
    ├── machine.lock.HomeInUse               another agent holds the same home folder
    ├── server.answers.BadAnswer             an answer breaks the contract; callers of the client get ServerBroken
    ├── server.failures.ServerTrouble        passes: try again later
    │   ├── Unreachable                      no answer, or not in time
    │   ├── Throttled                        429, with the wait that the server asks for
    │   ├── ServerBroken                     5xx, or an answer that breaks the contract
    │   └── update.download.BudgetSpent      the day's bytes are used up
    ├── server.failures.ServerRefusal        lasts: 4xx
    │   ├── Unauthorized                     401
    │   ├── Forbidden                        403
    │   └── FinalRefusal                     422
    ├── enrollment.EnrollmentError
    │   ├── NotEnrolled                      no identity yet, and no key to get one
    │   └── AwaitingAcceptance               202: a person has to accept the device
    ├── installed.manifest.BadManifest       a manifest cannot be read, or lacks a field
    ├── installed.slots.SlotBroken           a slot does not hold the file of its manifest
    ├── update.failures.UpdateFailed         this attempt is over; the last good model stays
    ├── update.failures.Interrupted          the agent was asked to stop in the middle of a step
    └── inference.failures.RuntimeFailed
        ├── NotInstalled                     ONNX Runtime, or every wanted provider, is missing
        ├── LoadFailed                       ONNX Runtime refuses the model
        ├── InferenceFailed                  the model failed, or gave NaN
        ├── inference.array_checks.BadInput  the caller's input does not fit the model
        └── runtime.loading.NoModel          no model can be loaded
"""

from typing import ClassVar


class AgentError(Exception):
    """A named refusal or failure of the agent."""

    code: ClassVar[str] = "agent_error"
