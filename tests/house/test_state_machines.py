"""The diagrams are those of the tables."""

from tests.house import state_machines


def test_the_page_is_drawn_from_the_tables():
    assert state_machines.PAGE.read_text() == state_machines.draw(), "run `make docs`"
