"""The presets: how far a file may be from its source, and which recipes a target tries for it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from registry.compression.targets import ChainStep, HardwareTarget

DEFAULT_PRESET = "balanced"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """What a person chooses instead of numbers."""

    name: str
    title: str
    # The accuracy that a file may lose where there are labels, unless a person's budget says otherwise.
    max_accuracy_loss: float
    # Without as many calibration samples, the recipes of the preset do not recover what pruning takes.
    min_samples: int = 0
    is_built: bool = True


PRESETS: Mapping[str, Preset] = MappingProxyType({preset.name: preset for preset in (
    Preset(name="balanced", title="The first of the target's recipes that passes", max_accuracy_loss=0.01),
    Preset(name="exact", title="FP32, with the numbers of the source", max_accuracy_loss=0.0),
    Preset(name="small", title="Pruned by 40 %", max_accuracy_loss=0.03, min_samples=256, is_built=False),
    Preset(name="tiny", title="Pruned by 60 %", max_accuracy_loss=0.06, min_samples=1000, is_built=False),
)})  # fmt: skip
# Recipes whose numbers are those of the source.
_EXACT = frozenset({"as-is", "fp32-optimized"})


def list_built() -> list[str]:
    """Return the names of the presets that this release builds; the default is the first."""
    return [preset.name for preset in PRESETS.values() if preset.is_built]


def list_not_built() -> list[str]:
    """Return the names of the presets that a later release builds."""
    return [preset.name for preset in PRESETS.values() if not preset.is_built]


def chain_for(target: HardwareTarget, preset: str) -> tuple[ChainStep, ...]:
    """Return the steps of the target's chain that the preset allows, in their order."""
    if preset == "exact":
        return tuple(step for step in target.chain if step.recipe in _EXACT)
    return target.chain


def narrow(target: HardwareTarget, preset: str) -> HardwareTarget:
    """Return the target with the chain of the preset."""
    return replace(target, chain=chain_for(target, preset))
