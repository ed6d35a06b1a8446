"""Compare two versions of a model: operators, numbers, inputs and outputs, and the samples whose answer changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from registry.compression.evaluation.results import Predictions
from registry.compression.tensor_specs import TensorBody
from registry.models import ModelVersion
from registry.versions import queries
from registry.versions.details import VariantDetails, VersionDetails, describe_version

# At most so many samples are listed; the count is of all.
MAX_LISTED_SAMPLES: Final = 100

_Fact = TypeVar("_Fact")


@dataclass(frozen=True, slots=True)
class Pair(Generic[_Fact]):
    """One fact of both versions; None where a version does not have it."""

    name: str
    before: _Fact | None
    after: _Fact | None

    @property
    def is_same(self) -> bool:
        """Whether both versions have the same."""
        return bool(self.before == self.after)


@dataclass(frozen=True, slots=True)
class ChangedSample:
    """A sample for which the two versions answer different classes."""

    index: int
    before: int
    after: int

    @property
    def place(self) -> int:
        """The sample's index in the file, for templates, where a dot and ``index`` could be the method of a list."""
        return self.index


@dataclass(frozen=True, slots=True)
class SamplesCompared:
    """The answers of both uploaded models on the same samples; ``reason`` says why there are none."""

    reason: str = ""
    count: int | None = None
    changed_count: int | None = None
    changed: Sequence[ChangedSample] = ()

    @property
    def is_compared(self) -> bool:
        """Whether both versions answered the same samples."""
        return self.count is not None

    @property
    def summary(self) -> str:
        """How many answers changed, and whether all of these are listed, in words."""
        changed = self.changed_count or 0
        listed = f" The first {len(self.changed)} are listed." if len(self.changed) < changed else ""
        return f"{changed:,} of {self.count or 0:,} samples have another answer.{listed}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions of a model side by side."""

    before: VersionDetails
    after: VersionDetails
    numbers: list[Pair[int]]
    operators: list[Pair[int]]
    inputs: list[Pair[TensorBody]]
    outputs: list[Pair[TensorBody]]
    # By target: the variant that its devices are offered.
    targets: list[Pair[VariantDetails]]
    samples: SamplesCompared


def compare(slug: str, before: str, after: str) -> Comparison:
    """Compare two versions, in a fixed number of queries.

    Raises:
        UnknownModel: There is no such model.
        UnknownVersion: The model lacks one of the versions.
    """
    first, second = queries.get_inspected_version(slug, before), queries.get_inspected_version(slug, after)
    shown = describe_version(first), describe_version(second)
    return Comparison(
        before=shown[0],
        after=shown[1],
        numbers=_compare_numbers(first, second),
        operators=_pair(first.inspection.get("operators", {}), second.inspection.get("operators", {})),
        inputs=_pair(_by_name(first.inputs), _by_name(second.inputs)),
        outputs=_pair(_by_name(first.outputs), _by_name(second.outputs)),
        targets=_pair(_offered(shown[0]), _offered(shown[1])),
        samples=compare_predictions(first.inspection.get("predictions"), second.inspection.get("predictions")),
    )


def compare_predictions(before: Predictions | None, after: Predictions | None) -> SamplesCompared:
    """Compare the classes that two inspections kept."""
    if not before or not after:
        return SamplesCompared(
            reason="The answers of both versions are not kept; they are for classifiers that come with samples."
        )
    if before["samples_sha256"] != after["samples_sha256"]:
        return SamplesCompared(reason="The versions were evaluated on different samples.")
    # A slower model may have answered fewer of the same samples.
    pairs = list(zip(before["classes"], after["classes"], strict=False))
    places = [index for index, (one, other) in enumerate(pairs) if one != other]
    changed = [ChangedSample(index, *pairs[index]) for index in places[:MAX_LISTED_SAMPLES]]
    return SamplesCompared(count=len(pairs), changed_count=len(places), changed=changed)


def _compare_numbers(before: ModelVersion, after: ModelVersion) -> list[Pair[int]]:
    names = ("parameter_count", "opset", "ir_version")
    size = Pair("size", before.source.size, after.source.size)
    return [size, *(Pair(name, before.inspection.get(name), after.inspection.get(name)) for name in names)]


def _pair(before: Mapping[str, _Fact], after: Mapping[str, _Fact]) -> list[Pair[_Fact]]:
    return [Pair(name, before.get(name), after.get(name)) for name in dict.fromkeys((*before, *after))]


def _by_name(tensors: Sequence[TensorBody]) -> dict[str, TensorBody]:
    return {tensor["name"]: tensor for tensor in tensors}


def _offered(version: VersionDetails) -> dict[str, VariantDetails]:
    return {variant.target: variant for variant in version.variants if variant.is_default}
