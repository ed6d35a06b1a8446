"""The manifest of a variant, schema 2: formats of several files and other engines, tasks, threads, and what quality was judged on.

``to_schema_1`` says the same to older agents, where schema 1 has words for it.
"""

from typing import Final, Literal

import msgspec

from registry import names
from registry.manifests import parts, schema_1
from registry.manifests.formats import ENGINES
from registry.manifests.parts import Document, InvalidManifest, Scalars

SCHEMA: Final = "modelfleet.manifest/2"
# The first agents that read the schema.
MIN_AGENT_VERSION: Final = "0.2.0"

_OLD_FORMATS: Final = frozenset({"onnx", "ort"})
_OLD_MIN_AGENT_VERSION: Final = "0.1.0"


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An execution provider with its own options."""

    name: str
    options: Scalars = {}


class Runtime(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What runs the file, with execution providers in order of preference. None leaves the choice to the engine."""

    engine: str
    providers: list[Provider]
    threads: int | None = None
    options: Scalars = {}
    max_opset: int | None = None


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file inside a deterministic tar."""

    name: str
    size: int
    sha256: str


class SelfTest(parts.GoldenTest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The golden test. ``judge`` compares outputs element by element, or by what the task makes of them."""

    judge: Literal["elementwise", "task"] = "elementwise"
    memory_budget_bytes: int | None = None


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The baseline that came with the upload, by the digest of its file."""

    sha256: str
    bins_id: str


class Quality(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """On which samples the variant was judged, the numbers, and sentences about what they do not show."""

    judged_on: Literal["evaluation", "calibration", "none"]
    metrics: Document = {}
    warnings: list[str] = []


class Manifest(parts.Described, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that the signature promises about one variant. ``inputs`` and ``outputs`` are the variant's own."""

    schema: Literal["modelfleet.manifest/2"] = SCHEMA
    preset: str
    members: list[Member] = []
    runtime: Runtime
    task: Scalars
    # Steps to run, or the free JSON of an older upload, which nobody runs.
    preprocessing: list[Document] | Document = []
    self_test: SelfTest
    baseline: Baseline | None = None
    quality: Quality
    min_agent_version: str = MIN_AGENT_VERSION


def check(manifest: Manifest) -> None:
    """Check every rule that the types do not hold.

    Raises:
        InvalidManifest: A value breaks a rule, or contradicts another one.
    """
    parts.check_described(manifest)
    names.check_slug(manifest.preset, field="preset")
    parts.check_golden_test(manifest.self_test, inputs=manifest.inputs, outputs=manifest.outputs)
    _check_runtime(manifest)
    _check_members(manifest)
    if manifest.baseline is not None:
        parts.check_digest(manifest.baseline.sha256, field="baseline.sha256")
    if not isinstance(manifest.task.get("kind"), str):
        raise InvalidManifest("task.kind must say what the outputs mean.")
    memory = manifest.self_test.memory_budget_bytes
    if memory is not None and memory <= 0:
        raise InvalidManifest("self_test.memory_budget_bytes must be above zero.")


def to_schema_1(manifest: Manifest, *, baseline: schema_1.Statistics | None = None) -> schema_1.Manifest | None:
    """Return what schema 1 can say of the same variant; None where it has no words for a part that decides how it runs.

    ``baseline`` has the statistics that this schema names by their digest only.
    """
    if not _is_expressible(manifest):
        return None
    runtime, test, steps = manifest.runtime, manifest.self_test, manifest.preprocessing
    # Agents of version 0.1 take the number of threads from the options.
    threads = {} if runtime.threads is None else {"intra_op_num_threads": runtime.threads}
    return schema_1.Manifest(
        model=manifest.model,
        version=manifest.version,
        target=manifest.target,
        recipe=manifest.recipe,
        recipe_digest=manifest.recipe_digest,
        file=manifest.file,
        runtime=schema_1.Runtime(
            engine=runtime.engine,
            # Their options make a variant faster, and agents of version 0.1 have always run without them.
            providers=[provider.name for provider in runtime.providers],
            options={**runtime.options, **threads},
        ),
        inputs=manifest.inputs,
        outputs=manifest.outputs,
        # No agent of version 0.1 runs the steps, so that applications may read them here.
        preprocessing=steps if isinstance(steps, dict) else {"steps": steps} if steps else {},
        labels=manifest.labels,
        self_test=parts.GoldenTest(
            inputs=test.inputs,
            outputs=test.outputs,
            absolute_tolerance=test.absolute_tolerance,
            relative_tolerance=test.relative_tolerance,
            latency_budget_ms=test.latency_budget_ms,
        ),
        baseline=baseline,
        source=manifest.source,
        measurements=manifest.measurements,
        min_agent_version=_OLD_MIN_AGENT_VERSION,
    )


def _is_expressible(manifest: Manifest) -> bool:
    has_old_form = manifest.file.format in _OLD_FORMATS and manifest.runtime.engine == "onnxruntime"
    return has_old_form and not manifest.members and manifest.self_test.judge == "elementwise"


def _check_runtime(manifest: Manifest) -> None:
    runtime, format_ = manifest.runtime, manifest.file.format
    if ENGINES.get(format_) != runtime.engine:
        raise InvalidManifest(f"file.format {format_!r} is not run by the engine {runtime.engine!r}.")
    provider_names = [provider.name for provider in runtime.providers]
    if not provider_names or len(set(provider_names)) != len(provider_names):
        raise InvalidManifest("runtime.providers must name at least one execution provider, and none twice.")
    for name, value in (("threads", runtime.threads), ("max_opset", runtime.max_opset)):
        if value is not None and value < 1:
            raise InvalidManifest(f"runtime.{name} must be at least 1.")


def _check_members(manifest: Manifest) -> None:
    if bool(manifest.members) != manifest.file.format.endswith("-tar"):
        raise InvalidManifest("members must list the files of a tar, and of nothing else.")
    if len({member.name for member in manifest.members}) != len(manifest.members):
        raise InvalidManifest("members must name each file once.")
    for member in manifest.members:
        names.check_file_name(member.name)
        parts.check_digest(member.sha256, field=f"members.{member.name}.sha256")
