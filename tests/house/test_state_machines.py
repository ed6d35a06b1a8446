"""The diagrams are those of the tables."""

from tests.house import state_machines
from tests.house.project import ROOT


def test_the_page_is_drawn_from_the_tables():
    assert (ROOT / "docs" / "state-machines.md").read_text() == state_machines.draw(), "run `make docs`"
