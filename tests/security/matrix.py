"""Records who got in during the walk over the authorization matrix, and writes that as a table."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.security.callers import Caller

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass
class Matrix:
    """The cells that were walked: who got in, and what differed from the table in ``access``."""

    cells: int = 0
    routes: set[str] = field(default_factory=set)
    everybody: set[str] = field(default_factory=set)
    got_in: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    granted_too_much: list[str] = field(default_factory=list)

    def add(self, route: str, method: str, caller: Caller, *, is_in: bool, is_expected: bool) -> None:
        """Count one cell."""
        self.cells += 1
        self.routes.add(route)
        self.everybody.add(caller.name)
        if is_in:
            self.got_in[route, method].append(caller.name)
            if not is_expected:
                self.granted_too_much.append(f"{method} {route} by {caller}")

    def sum_up(self) -> str:
        """Return the one line that every run prints."""
        words = "; ".join(self.granted_too_much) or "nobody got in who may not"
        seen = f"{self.cells} cells walked, {len(self.everybody)} callers, {len(self.routes)} routes"
        return f"authorization matrix: {seen}: {words}"

    def write(self) -> Iterator[str]:
        """Write the table, as observed: a route, a method, and who got in."""
        rows = [(route, method, self._name(who)) for (route, method), who in self.got_in.items() if method in _METHODS]
        width = max(len(route) for route, _, _ in rows)
        yield f"{'route':{width}}  method  who may"
        for route, method, who in rows:
            yield f"{route:{width}}  {method:6}  {who}"

    def _name(self, who: list[str]) -> str:
        if self.everybody <= {*who, "admin without CSRF token"}:
            return "everybody"
        roles = [name for name in who if name != "admin without CSRF token"]
        kinds: dict[str, list[str]] = defaultdict(list)
        for name in roles:
            kind, _, role = name.partition(" ")
            kinds[kind if kind in {"token", "person"} else name].append(role)
        return "; ".join(
            f"{kind}: {', '.join(names)}" if kind in {"token", "person"} else kind for kind, names in kinds.items()
        )


WALKED = Matrix()


def report(reporter: Any, *, with_table: bool) -> None:
    """Print who got in, if this run walked at all."""
    if WALKED.cells:
        if with_table:
            for line in WALKED.write():
                reporter.write_line(line)
        reporter.write_line(WALKED.sum_up())
