"""The limits that a variant keeps: a person's numbers before those of the preset and of the target.

    limits = read(body, recipes=RECIPES, targets=load_targets()).for_target("raspberry-pi-5", preset="balanced")

A limit knows who set it, so that the sentence of a missed gate can say so.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Final, Literal, Self

import msgspec

from core.errors import Invalid

SetBy = Literal["your", "the preset's", "the target's"]

# How much of the accuracy on labels a preset may lose, as a ratio: practice accepts 1 to 3 points for INT8.
ALLOWED_ACCURACY_LOSS: Final[Mapping[str, float]] = MappingProxyType(
    {"exact": 0.0, "balanced": 0.01, "small": 0.03, "tiny": 0.06}
)
DEFAULT_PRESET: Final = "balanced"
MAX_EXCLUDED_NODES: Final = 1000


class InvalidBudget(Invalid):
    """The budget is no JSON object of the form that docs/wire-format.md describes, or a number is out of range."""

    code: ClassVar[str] = "invalid_budget"


@dataclass(frozen=True, slots=True)
class Limit:
    """A number, and whose it is."""

    value: float
    set_by: SetBy


@dataclass(frozen=True, kw_only=True)
class VariantLimits:
    """The limits in force for the variants of one target; None means that nobody set one."""

    max_accuracy_loss: Limit = Limit(ALLOWED_ACCURACY_LOSS[DEFAULT_PRESET], "the preset's")
    # Goes before the threshold of the task's gate.
    min_agreement: Limit | None = None
    max_size_bytes: Limit | None = None
    latency_ms: Limit | None = None
    # Nodes that stay in floating point.
    exclude_nodes: frozenset[str] = frozenset()
    # The only recipes to try, in this order; None means the chain of the target.
    recipes: tuple[str, ...] | None = None


class _Numbers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    max_accuracy_loss: float | None = None
    min_agreement: float | None = None
    max_size_bytes: int | None = None
    latency_ms: float | None = None
    exclude_nodes: tuple[str, ...] | None = None
    recipes: tuple[str, ...] | None = None


class Budget(_Numbers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The numbers of a person, for all targets and for single ones."""

    targets: dict[str, _Numbers] = {}

    def to_json(self) -> object:
        """Return the budget as the row of a version keeps it."""
        return msgspec.to_builtins(self)

    @classmethod
    def from_json(cls, body: object) -> Self:
        """Read what ``to_json`` wrote, or a checked body."""
        return msgspec.convert(body, cls)

    def for_target(
        self,
        name: str,
        *,
        preset: str = DEFAULT_PRESET,
        max_size_bytes: int | None = None,
        latency_ms: float | None = None,
    ) -> VariantLimits:
        """Return the limits in force; the last two arguments are the target's own numbers.

        A person's number for the target goes before the same person's number for all targets.
        """
        loss = self._number(name, "max_accuracy_loss")
        return VariantLimits(
            max_accuracy_loss=loss or Limit(ALLOWED_ACCURACY_LOSS[preset], "the preset's"),
            min_agreement=self._number(name, "min_agreement"),
            max_size_bytes=self._number(name, "max_size_bytes") or _of_target(max_size_bytes),
            latency_ms=self._number(name, "latency_ms") or _of_target(latency_ms),
            exclude_nodes=frozenset(self._names(name, "exclude_nodes") or ()),
            recipes=self._names(name, "recipes") or None,
        )

    def _number(self, target: str, field: str) -> Limit | None:
        value = self._value(target, field)
        return None if value is None else Limit(float(str(value)), "your")

    def _names(self, target: str, field: str) -> tuple[str, ...] | None:
        value = self._value(target, field)
        return value if isinstance(value, tuple) else None

    def _value(self, target: str, field: str) -> object:
        own = getattr(self.targets.get(target), field, None)
        return getattr(self, field) if own is None else own


def read(body: object, *, recipes: Collection[str], targets: Collection[str]) -> Budget:
    """Read and check a budget; ``recipes`` and ``targets`` are the names that exist.

    Raises:
        InvalidBudget: Names the field.
    """
    if not isinstance(body, dict):
        raise InvalidBudget.field("budget", "must be a JSON object.")
    try:
        budget = msgspec.convert(body, Budget)
    except msgspec.ValidationError as error:
        raise InvalidBudget.field("budget", f"{error}.") from error
    _check(budget, path="budget", recipes=recipes)
    for name, numbers in budget.targets.items():
        if name not in targets:
            raise InvalidBudget.field("budget.targets", f'no hardware target is called "{name}".')
        _check(numbers, path=f"budget.targets.{name}", recipes=recipes)
    return budget


def _check(numbers: _Numbers, *, path: str, recipes: Collection[str]) -> None:
    for field in ("max_accuracy_loss", "min_agreement"):
        ratio = getattr(numbers, field)
        if ratio is not None and not 0 <= ratio <= 1:
            raise InvalidBudget.field(f"{path}.{field}", "must be a ratio from 0 to 1.")
    for field in ("max_size_bytes", "latency_ms"):
        amount = getattr(numbers, field)
        if amount is not None and not 0 < amount < float("inf"):
            raise InvalidBudget.field(f"{path}.{field}", "must be above 0.")
    unknown = [name for name in numbers.recipes or () if name not in recipes]
    if unknown:
        raise InvalidBudget.field(f"{path}.recipes", f'no recipe is called "{unknown[0]}".')
    if len(numbers.exclude_nodes or ()) > MAX_EXCLUDED_NODES:
        raise InvalidBudget.field(f"{path}.exclude_nodes", f"has more than {MAX_EXCLUDED_NODES} names.")


def _of_target(value: float | None) -> Limit | None:
    return None if value is None else Limit(float(value), "the target's")
