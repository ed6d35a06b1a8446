"""The chart of a target's variants: size against quality, with latency as the area. The table of variants has the same numbers."""

import string
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from console import bubbles
from console.bubbles import BubbleChart, Point
from console.formats import quantities
from console.tones import Tone
from registry.states import TONES
from registry.versions.details import VariantDetails

# A chart of one point compares nothing.
_FEWEST = 2


def name_keys(measured: Sequence[VariantDetails]) -> Mapping[int, str]:
    """Return a letter for each variant, by its id: the chart and the table name a variant by the same letter."""
    ids = [variant.id for variant in measured if variant.id is not None]
    return MappingProxyType(dict(zip(ids, [*string.ascii_uppercase, *string.ascii_lowercase], strict=False)))


def draw(measured: Sequence[VariantDetails], *, keys: Mapping[int, str]) -> BubbleChart | None:
    """Draw the variants that have both a size and a quality; None where these are fewer than two."""
    points = [
        point for variant in measured if (point := _place(variant, key=keys.get(variant.id or 0, ""))) is not None
    ]
    if len(points) < _FEWEST:
        return None
    return bubbles.draw(points, description=_describe(points), wanted=_find_wanted(measured))


def _place(variant: VariantDetails, *, key: str) -> Point | None:
    found = variant.measurements
    quality = found.metric["value"] if found.metric else found.agreement
    if not variant.size or quality is None:
        return None
    latency = quantities.milliseconds(found.latency_p50_ms)
    return Point(
        key=key,
        words=f"{variant.recipe}: {quantities.size(variant.size)}, quality {quality:.4f}, p50 {latency}",
        x=variant.size,
        y=quality,
        area=found.latency_p50_ms,
        tone=TONES.get(variant.status, Tone.QUIET),
        is_chosen=variant.is_default,
    )


def _find_wanted(measured: Sequence[VariantDetails]) -> float | None:
    """Return what the gate wants, where it wants the same of all."""
    wanted = {variant.measurements.metric["wanted"] for variant in measured if variant.measurements.metric}
    return wanted.pop() if len(wanted) == 1 else None


def _describe(points: Sequence[Point]) -> str:
    return f"Size against quality of {len(points)} variants; the area is the latency. The table has the numbers."
