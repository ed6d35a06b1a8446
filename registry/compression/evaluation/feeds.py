"""The inputs on which a variant is judged: evaluation samples where given, else samples kept out of calibration, else random ones."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from registry.compression.arrays import Array
from registry.compression.calibration.samples import Samples
from registry.compression.evaluation.results import JudgedOn
from registry.compression.runtime import random_feed
from registry.compression.tensor_specs import TensorSpec

_RANDOM_FEEDS = 16
_ORDER_SEED = 20241126


@dataclass(frozen=True, kw_only=True)
class JudgingFeeds:
    """Inferences to compare. The order is shuffled once and for all, so that any beginning is a fair part of the whole."""

    kind: JudgedOn
    inputs: Sequence[TensorSpec]
    sizes: Mapping[str, int]
    samples: Samples | None
    places: Sequence[int]

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[tuple[dict[str, Array], Array | None]]:
        for place in self.places:
            yield self.feed(place), self.samples.feed_labels(place) if self.samples else None

    def feed(self, place: int) -> dict[str, Array]:
        """Return the inputs of one inference."""
        if self.samples is None:
            return random_feed(self.inputs, sizes=self.sizes, seed=place)
        return self.samples.feed(place)


def choose(
    inputs: Sequence[TensorSpec],
    *,
    sizes: Mapping[str, int],
    calibration: Samples | None,
    evaluation: Samples | None = None,
) -> JudgingFeeds:
    """Return the feeds that judge."""
    if evaluation is not None:
        places = _shuffle(sorted([*evaluation.for_ranges, *evaluation.held_out]))
        return JudgingFeeds(kind="evaluation", inputs=inputs, sizes=sizes, samples=evaluation, places=places)
    if calibration is not None:
        places = _shuffle(calibration.held_out)
        return JudgingFeeds(kind="held_out", inputs=inputs, sizes=sizes, samples=calibration, places=places)
    return JudgingFeeds(kind="random", inputs=inputs, sizes=sizes, samples=None, places=range(_RANDOM_FEEDS))


def _shuffle(places: Sequence[int]) -> list[int]:
    order = np.random.default_rng(_ORDER_SEED).permutation(len(places))
    return [places[index] for index in order.tolist()]
