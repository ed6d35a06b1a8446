"""The order in which the recipes of a target are tried. Pure functions of the target, the limits and the calibration check."""

from collections.abc import Iterable

from registry.compression.calibration.guard import TOO_FEW_SAMPLES, CalibrationCheck
from registry.compression.recipes import RECIPES
from registry.compression.targets import ChainStep, HardwareTarget

# The end of each chain: nothing is compressed.
_LAST = "fp32-optimized"


def list_steps(
    target: HardwareTarget,
    *,
    check: CalibrationCheck | None,
    recipes: tuple[str, ...] | None = None,
    builds_all: bool = False,
) -> list[ChainStep]:
    """Return the steps to try, in their order.

    ``recipes`` are those that a person named: no others are tried. Without them the chain of the target is tried, and with
    ``builds_all`` all other recipes after it. Where nobody could check the calibration samples, recipes that only store small
    weights go before recipes that take ranges from the samples.
    """
    if recipes is not None:
        return [step for name in recipes for step in _steps_of(target, name)]
    chain = list(target.chain) if is_checked(check) else _put_ranges_last(target.chain)
    others = (name for name in RECIPES if name not in target.recipes) if builds_all else ()
    return [*chain, *(step for name in others for step in _steps_of(target, name))]


def is_checked(check: CalibrationCheck | None) -> bool:
    """Return whether the calibration samples were held against other evidence, or there are none."""
    return check is None or check["verdict"] not in ("unchecked", "few")


def takes_ranges(step: ChainStep) -> bool:
    """Return whether the recipe takes the ranges of activations from the calibration samples."""
    return step.recipe in RECIPES and RECIPES[step.recipe].sets_activation_ranges


def refuse_few(step: ChainStep, *, check: CalibrationCheck | None, samples: int) -> str:
    """Return why too few samples rule the recipe out; empty if they do not."""
    if check is None or check["verdict"] != "few" or not takes_ranges(step):
        return ""
    return f"It needs {TOO_FEW_SAMPLES} calibration samples and has {samples}; give more samples."


def _steps_of(target: HardwareTarget, recipe: str) -> list[ChainStep]:
    """Return the steps of the target by this recipe; if there are none, one with the recipe's own parameters."""
    own = [step for step in target.chain if step.recipe == recipe]
    return own or [ChainStep(recipe=recipe, parameters=dict(RECIPES[recipe].parameters))]


def _put_ranges_last(chain: Iterable[ChainStep]) -> list[ChainStep]:
    steps = list(chain)
    ranged = [step for step in steps if takes_ranges(step)]
    others = [step for step in steps if not takes_ranges(step) and step.recipe != _LAST]
    return [*others, *ranged, *(step for step in steps if step.recipe == _LAST)]
