"""Which variant of a version a device is given: the first of its target's offer that the device can run.

A poll (``fleet.polls.resolving``) and the members of a rollout (``fleet.rollouts.members``) choose by this one rule. The order
was fixed by an act (``registry.offers``), so nothing is ranked here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from registry.manifests.formats import ENGINES
from registry.states import OFFERABLE_VARIANTS, VariantStatus, VersionStatus


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a device says that it can run and read. Agents before 0.2.0 say nothing of either."""

    engines: frozenset[str] = frozenset({"onnxruntime"})
    manifest_schemas: frozenset[int] = frozenset({1})


@dataclass(frozen=True, slots=True)
class ManifestFacts:
    """One manifest of a variant, with its signature."""

    schema: int
    sha256: str
    signature_sha256: str


@dataclass(frozen=True, slots=True)
class VariantFacts:
    """One attempt at a variant; only one that was published has a file and manifests."""

    id: int
    target: str
    recipe: str
    rank: int = 0
    status: VariantStatus = VariantStatus.READY
    reason: str = ""
    sha256: str = ""
    size: int = 0
    filename: str = ""
    format: str = "onnx"
    manifests: tuple[ManifestFacts, ...] = (ManifestFacts(1, "", ""),)

    @property
    def engine(self) -> str:
        """The engine that runs the file; a format that is not known needs an engine of its own name."""
        return ENGINES.get(self.format, self.format)

    def manifest_for(self, abilities: Abilities) -> ManifestFacts | None:
        """Return the manifest of the highest schema that the device reads."""
        readable = [manifest for manifest in self.manifests if manifest.schema in abilities.manifest_schemas]
        return max(readable, key=lambda manifest: manifest.schema, default=None)


@dataclass(frozen=True, slots=True)
class OfferFacts:
    """What an act fixed for devices of one target: variants in order, and the act's release counter."""

    variant_ids: tuple[int, ...] = ()
    release_counter: int = 0


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """A version with its variants, and its offer to devices of the target in question; None where no act has fixed one."""

    id: int
    number: str
    status: VersionStatus = VersionStatus.READY
    is_quarantined: bool = False
    variants: tuple[VariantFacts, ...] = ()
    baseline_sha256: str | None = None
    offer: OfferFacts | None = None


def read_abilities(engines: object, manifest_schemas: object) -> Abilities:
    """Read the two fields of a device's capabilities. They are the device's own words: what cannot be read counts as not said."""
    names = frozenset(name for name in _listed(engines) if isinstance(name, str))
    numbers = frozenset(number for number in _listed(manifest_schemas) if type(number) is int)
    silent = Abilities()
    return Abilities(engines=names or silent.engines, manifest_schemas=numbers or silent.manifest_schemas)


def choose_variant(offered: Iterable[VariantFacts], *, abilities: Abilities) -> VariantFacts | None:
    """Return the first of the offered variants that the device can run."""
    return next((variant for variant in offered if refuse_variant(variant, abilities=abilities) is None), None)


def refuse_variant(variant: VariantFacts, *, abilities: Abilities) -> str | None:
    """Return why the device cannot be given an offered variant, or None where it can."""
    if variant.status not in OFFERABLE_VARIANTS:
        return f"{variant.status}: {variant.reason}" if variant.reason else variant.status
    if variant.engine not in abilities.engines:
        return f"{variant.format} needs the engine {variant.engine}, which the device does not report"
    if variant.manifest_for(abilities) is None:
        schemas = " or ".join(str(manifest.schema) for manifest in variant.manifests) or "none"
        return f"the device does not report that it reads manifest schema {schemas}"
    return None


def list_offered(version: VersionFacts) -> list[VariantFacts]:
    """Return the variants that the version's offer names, in its order."""
    by_id = {variant.id: variant for variant in version.variants}
    ids = version.offer.variant_ids if version.offer is not None else ()
    return [by_id[pk] for pk in ids if pk in by_id]


def list_fitting(version: VersionFacts, *, targets: Sequence[str]) -> list[VariantFacts]:
    """Return the variants for any of the targets, offered or not, in the order of the targets and their recipes."""
    fitting = [variant for variant in version.variants if variant.target in targets]
    return sorted(fitting, key=lambda variant: (targets.index(variant.target), variant.rank, variant.id))


def explain_choice(
    variant: VariantFacts,
    *,
    version: VersionFacts,
    chosen: VariantFacts | None,
    targets: Sequence[str],
    abilities: Abilities,
) -> str:
    """Say why a fitting variant was chosen or passed over."""
    if variant is chosen:
        own = variant.target == targets[0]
        return "first in the target's order" if own else f"{variant.target} is the fall-back of {targets[0]}"
    refusal = refuse_variant(variant, abilities=abilities)
    if refusal is not None:
        return refusal
    if variant in list_offered(version):
        return "another one goes first in the target's order"
    return f"{variant.status}, but no act has offered it to {targets[0]} yet"


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []
