"""The requests and answers of the tasks. The parent process imports this module, and none of the tools behind it."""

from typing import Final, Self, TypedDict

import msgspec

from registry.compression.calibration.guard import CalibrationCheck
from registry.compression.evaluation.results import Golden, Measured, Predictions, SelfTestJudge
from registry.compression.model_task import ModelTask
from registry.compression.recipes import Parameter
from registry.compression.sandbox.protocol import Task
from registry.compression.tensor_specs import TensorBody


class InspectRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The paths of an uploaded model and of the files given with it, and what its owner says of it."""

    source: str
    calibration: str | None
    evaluation: str | None = None
    # The shapes of inputs whose free extents cannot be guessed.
    shapes: dict[str, list[int]] = {}
    # The task as a person said it, or None to guess it.
    task: ModelTask | None = None
    # The histogram of the confidences in the uploaded baseline.
    baseline: list[int] | None = None


class CalibrationSummary(TypedDict):
    """What a file of samples holds."""

    samples: int
    held_out: int
    has_labels: bool
    # Distinct labels.
    classes: int


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """What the intake found out about a model."""

    inputs: list[TensorBody]
    outputs: list[TensorBody]
    opset: int
    ir_version: int
    operators: dict[str, int]
    parameter_count: int
    size: int
    # The size of each named extent with which one inference succeeded; each whole-number scalar input has its value there, under
    # its name.
    free_extents: dict[str, int]
    calibration: CalibrationSummary | None
    evaluation: CalibrationSummary | None = None
    # Whether the cleaned copy was seen to give the answers of the uploaded file.
    equals_upload: bool = False
    # Whether ONNX Runtime runs the uploaded file itself, and its outputs are those of the cleaned copy. Where not, variants are
    # measured against the cleaned copy.
    can_measure_upload: bool = True
    warnings: list[str] = []
    # Said by a person, or guessed from the outputs.
    task: ModelTask = ModelTask()
    # What the calibration guard says; None without calibration samples. Its sentences are among the warnings too.
    calibration_check: CalibrationCheck | None = None
    # Of a classifier that came with samples.
    predictions: Predictions | None = None

    def to_json(self) -> object:
        """Return the inspection as the row of a version keeps it."""
        return msgspec.to_builtins(self)

    @classmethod
    def from_json(cls, body: object) -> Self:
        """Read what ``to_json`` wrote."""
        return msgspec.convert(body, cls)


class BuildRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One recipe, the files it works on, and what is known of the model."""

    # The file as it was uploaded: everything is measured against it.
    upload: str
    # The cleaned copy that the recipe reads.
    source: str
    calibration: str | None
    evaluation: str | None = None
    inputs: list[TensorBody]
    # Those that a manifest declares.
    outputs: list[TensorBody]
    free_extents: dict[str, int]
    recipe: str
    parameters: dict[str, Parameter]
    # None where nobody has said or guessed it.
    task: ModelTask | None = None
    # Nodes that a person wants to keep in floating point.
    exclude_nodes: list[str] = []
    # Whether files for this machine's own instruction set, and its latencies, mean something on the target.
    targets_architecture_matches: bool = False


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """The facts about a file that a recipe made; the file itself is in the job's folder."""

    # Domains of the operators that the file uses.
    domains: list[str]
    measured: Measured
    measured_on: str
    # The task that the quality was measured by.
    task: ModelTask
    golden: Golden
    # How a device compares its outputs with the golden ones.
    judge: SelfTestJudge
    # The inputs and outputs of the file itself.
    inputs: list[TensorBody]
    outputs: list[TensorBody]
    opset: int
    ir_version: int
    # Sentences for people: what the numbers do not show.
    warnings: list[str] = []


class BuildAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was built, or why the recipe does not apply: a sentence without capital letter and full stop."""

    built: Built | None = None
    not_applicable: str = ""


INSPECT: Final = Task(name="inspect", module="registry.compression.child_tasks.inspect_upload", answer=Inspection)
BUILD: Final = Task(name="build", module="registry.compression.child_tasks.build_variant", answer=BuildAnswer)
