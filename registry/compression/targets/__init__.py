"""Hardware targets: one data file each in this folder, read strictly, once per process.

A target describes a device, the recipes to try in their order, and the budgets of the result.
"""

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from core.errors import DomainError, Kind
from registry.compression.recipes import NOT_BUILT_YET, RECIPES, Parameters, resolve_parameters
from registry.compression.targets.hardware import Hardware, read_facts

DEFAULT_TARGET = "generic-cpu"
_FOLDER = Path(__file__).parent
_ARCHITECTURES = frozenset({"any", "x86_64", "aarch64"})


class UnknownTarget(DomainError):
    """No hardware target has that name."""

    code: ClassVar[str] = "unknown_target"
    kind: ClassVar[Kind] = Kind.INVALID


class TargetFileWrong(ValueError):
    """A target file breaks a rule; the message names the file and the key."""


@dataclass(frozen=True, kw_only=True)
class ChainStep:
    """One recipe of a target's chain with the parameters that the target gives it."""

    recipe: str
    parameters: Parameters = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class HardwareTarget:
    """One kind of device; ``chain`` is in order of preference."""

    name: str
    title: str
    architecture: str
    runtime: str
    providers: tuple[str, ...]
    chain: tuple[ChainStep, ...]
    latency_budget_ms: float
    ram_bytes: int
    max_size_bytes: int | None = None
    fallback: str | None = None
    summary: str = ""
    options: Parameters = field(default_factory=lambda: {"graph_optimization_level": "all"})
    # How many threads an inference has; None leaves the choice to the runtime.
    threads: int | None = None
    # By the name of an execution provider.
    provider_options: Mapping[str, Parameters] = field(default_factory=dict)
    # The oldest release of the runtime that a device has, and what that release knows.
    runtime_version: str | None = None
    max_opset: int | None = None
    max_ir_version: int | None = None
    hardware: Hardware | None = None

    @property
    def recipes(self) -> list[str]:
        """The names of the recipes, in order of preference."""
        return [step.recipe for step in self.chain]


_TYPES: Mapping[str, type | tuple[type, ...]] = MappingProxyType({
    "title": str, "architecture": str, "runtime": str, "providers": list, "chain": list, "latency_budget_ms": (int, float),
    "ram_bytes": int, "max_size_bytes": int, "fallback": str, "summary": str, "options": dict,
    "threads": int, "provider_options": dict, "runtime_version": str, "max_opset": int, "max_ir_version": int, "hardware": dict,
})  # fmt: skip
_REQUIRED = frozenset({"title", "architecture", "runtime", "providers", "chain", "latency_budget_ms", "ram_bytes"})
_POSITIVE = ("latency_budget_ms", "ram_bytes", "max_size_bytes", "threads", "max_opset", "max_ir_version")


@functools.cache
def load_targets() -> Mapping[str, HardwareTarget]:
    """Return every built-in target by name, in the order of their names."""
    return read_folder(_FOLDER)


def get_target(name: str) -> HardwareTarget:
    """Return one target.

    Raises:
        UnknownTarget: With the names that exist.
    """
    targets = load_targets()
    if name not in targets:
        message = f'No hardware target is called "{name}"; there are {", ".join(targets)}.'
        raise UnknownTarget(message, targets=list(targets))
    return targets[name]


def list_with_fallbacks(name: str) -> list[str]:
    """Return a target, its fall-back, that one's, and so on.

    Raises:
        UnknownTarget: There is none of that name.
    """
    found: list[str] = []
    following: str | None = name
    while following is not None and following not in found:
        found.append(following)
        following = get_target(following).fallback
    return found


def read_folder(folder: Path) -> Mapping[str, HardwareTarget]:
    """Read every ``.toml`` of a folder, and check that every fall-back exists.

    Raises:
        TargetFileWrong: The first mistake found.
    """
    targets = {
        path.stem: read_target(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.toml"))
    }
    for target in targets.values():
        if target.fallback is not None and target.fallback not in targets:
            raise _wrong(target.name, f'the fallback "{target.fallback}" is no target')
    return MappingProxyType(targets)


def read_target(name: str, text: str) -> HardwareTarget:
    """Read one target file; an unknown key is refused.

    Raises:
        TargetFileWrong: Not TOML, a missing or unknown key, a wrong type, an unknown recipe or parameter.
    """
    try:
        body = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(name, str(error)) from error
    _check_keys(name, body)
    chain = tuple(_read_step(name, step) for step in body.pop("chain"))
    providers = tuple(body.pop("providers"))
    if not chain or not providers or not all(isinstance(provider, str) for provider in providers):
        raise _wrong(name, "chain and providers need at least one entry")
    if strangers := sorted(set(body.get("provider_options", {})) - set(providers)):
        raise _wrong(name, f'"{strangers[0]}" has options, and is not one of the providers')
    hardware = _read_hardware(name, body.pop("hardware", None))
    return HardwareTarget(name=name, chain=chain, providers=providers, hardware=hardware, **body)


def _read_hardware(name: str, body: object) -> Hardware | None:
    try:
        return None if body is None else read_facts(body)
    except (TypeError, ValueError) as error:
        raise _wrong(name, str(error)) from error


def _check_keys(name: str, body: Mapping[str, Any]) -> None:
    if missing := sorted(_REQUIRED - set(body)):
        raise _wrong(name, f'the key "{missing[0]}" is missing')
    if unknown := sorted(set(body) - set(_TYPES)):
        raise _wrong(name, f'the key "{unknown[0]}" is not known')
    for key, value in body.items():
        if not isinstance(value, _TYPES[key]) or isinstance(value, bool):
            raise _wrong(name, f'the key "{key}" has a value of type {type(value).__name__}')
    if body["architecture"] not in _ARCHITECTURES:
        raise _wrong(
            name, f'the architecture "{body["architecture"]}" is not one of {", ".join(sorted(_ARCHITECTURES))}'
        )
    for key in _POSITIVE:
        if key in body and body[key] <= 0:
            raise _wrong(name, f'the key "{key}" must be above 0')


def _read_step(name: str, step: object) -> ChainStep:
    if not isinstance(step, dict) or not isinstance(step.get("recipe"), str) or set(step) - {"recipe", "parameters"}:
        raise _wrong(name, "each [[chain]] has a recipe and, at most, parameters")
    recipe, parameters = step["recipe"], step.get("parameters", {})
    if recipe in NOT_BUILT_YET:
        return ChainStep(recipe=recipe, parameters=parameters)
    if recipe not in RECIPES:
        raise _wrong(name, f'the recipe "{recipe}" is not known')
    try:
        return ChainStep(recipe=recipe, parameters=resolve_parameters(RECIPES[recipe], parameters))
    except ValueError as error:
        raise _wrong(name, str(error)) from error


def _wrong(name: str, problem: str) -> TargetFileWrong:
    return TargetFileWrong(f"registry/compression/targets/{name}.toml: {problem}")
