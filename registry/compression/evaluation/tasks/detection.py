"""Detection: the boxes of both, decoded and suppressed alike, and matched with each other."""

from collections.abc import Sequence
from dataclasses import dataclass

from registry.compression.arrays import Array
from registry.compression.evaluation.gates.detection import MATCH_IOU, MIN_F1
from registry.compression.evaluation.results import QualityNumbers
from registry.compression.evaluation.tasks import detector_layouts
from registry.compression.evaluation.tasks.boxes import Boxes, count_matches, suppress
from registry.compression.evaluation.tasks.detector_layouts import ImageSize
from registry.compression.model_task import ModelTask

DEFAULT_LAYOUT = "yolo"
DEFAULT_SCORE_THRESHOLD = 0.25
DEFAULT_IOU_THRESHOLD = 0.45


@dataclass
class DetectionComparison:
    """Running counts of boxes over many inferences; an image without boxes adds nothing."""

    task: ModelTask
    # (height, width) of the image that the model takes, where known.
    image_size: ImageSize | None = None
    _before: int = 0
    _after: int = 0
    _matched: int = 0

    def add(self, source: Sequence[Array], variant: Sequence[Array], _: Array | None = None) -> None:
        """Match the boxes of one inference, image by image."""
        want, got = self._boxes(source), self._boxes(variant)
        for first, second in zip(want, got, strict=False):
            self._matched += count_matches(first, second, iou=MATCH_IOU)
        self._before += sum(map(len, want))
        self._after += sum(map(len, got))

    def summarize(self) -> QualityNumbers:
        """Return F1 = 2 · matched ÷ (boxes of both); no metric where neither found a box."""
        both = self._before + self._after
        f1 = 2 * self._matched / both if both else None
        return {
            "agreement": f1,
            "metric": None if f1 is None else {"name": "box_f1", "value": f1, "wanted": MIN_F1},
            "boxes_before": self._before,
            "boxes_after": self._after,
        }

    def _boxes(self, outputs: Sequence[Array]) -> list[Boxes]:
        return find_boxes(outputs, task=self.task, image_size=self.image_size)


def find_boxes(outputs: Sequence[Array], *, task: ModelTask, image_size: ImageSize | None = None) -> list[Boxes]:
    """Return the boxes of each image that a person would see: above the threshold, and suppressed."""
    layout = task.layout or DEFAULT_LAYOUT
    threshold = DEFAULT_SCORE_THRESHOLD if task.score_threshold is None else task.score_threshold
    iou = DEFAULT_IOU_THRESHOLD if task.iou_threshold is None else task.iou_threshold
    found = [
        boxes.best(threshold=threshold)
        for boxes in detector_layouts.read(outputs, layout=layout, image_size=image_size)
    ]
    return found if layout == "nms" else [suppress(boxes, iou=iou) for boxes in found]
