"""Draws docs/state-machines.md from the tables in the code: ``python -m tests.house.state_machines`` (`make docs`)."""

from collections.abc import Iterable

from analytics.states import TABLE as ALERT_TABLE
from analytics.states import AlertState
from edge_agent.update.transitions import OVER
from edge_agent.update.transitions import TABLE as UPDATE_TABLE
from edge_agent.update.transitions import State as UpdateState
from fleet import states as fleet
from registry.states import VERSION_MOVES
from tests.house.project import ROOT

PAGE = ROOT / "docs" / "state-machines.md"
HEADER = """\
# State machines

Drawn by `make docs` from the tables that the code runs on; a test keeps this page true. Change the table, not the page.
"""


def draw() -> str:
    """Return the whole page."""
    return "\n".join([HEADER, _draw_version(), fleet.draw(), _draw_update(), _draw_alert()])


def _draw_version() -> str:
    moves = [f"{before} --> {after}" for before, to in VERSION_MOVES.items() for after in sorted(to)]
    return _section("Version", "registry/states.py", "", ["[*] --> verifying", *moves])


def _draw_update() -> str:
    moves = [
        f"{before} --> {after}: {event}" + (f", reports {reported}" if reported else "")
        for (before, event), (after, reported) in UPDATE_TABLE.items()
        if before is not after
    ]
    ends = [f"{state} --> [*]" for state in UpdateState if state in OVER]
    start = f"[*] --> {UpdateState.DOWNLOADING}"
    text = "On the device. What is reported is the state of the deployment above."
    return _section("Update of a device", "edge_agent/update/transitions.py", text, [start, *moves, *ends])


def _draw_alert() -> str:
    moves = []
    for (before, observation), move in ALERT_TABLE.items():
        if before == move.to:
            continue
        after = move.to or "[*]"
        times = f" × {move.windows}" if move.windows > 1 else ""
        moves.append(f"{before or '[*]'} --> {after}: {observation}{times}")
    moves.append(f"{AlertState.RESOLVED} --> [*]")
    text = "One condition at one scope. A window with too little data is no observation and moves nothing."
    return _section("Alert", "analytics/states.py", text, moves)


def _section(title: str, source: str, text: str, moves: Iterable[str]) -> str:
    lines = [f"## {title}", "", f"From `{source}`. {text}".strip(), "", "```mermaid", "stateDiagram-v2"]
    return "\n".join([*lines, *(f"    {move}" for move in moves), "```", ""])


if __name__ == "__main__":
    PAGE.write_text(draw())
