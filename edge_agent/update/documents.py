"""The two small documents beside a model file, manifest and signature, and the checks that they must pass.

All checks come before the first byte of the model file is downloaded. Pure functions.
"""

import dataclasses
import hashlib
from collections.abc import Iterable

from edge_agent import version
from edge_agent.installed import manifest as manifests
from edge_agent.installed.manifest import BadManifest, Manifest
from edge_agent.names import MANIFEST_FILE
from edge_agent.server.answers import Assignment
from edge_agent.update import signature as signatures
from edge_agent.update.failures import Failure, UpdateFailed

ENGINE = "onnxruntime"
FORMATS = frozenset({"onnx", "ort"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Documents:
    """The bytes of both documents, as they go into the slot."""

    manifest: bytes
    signature: bytes


def list_digests(assignment: Assignment) -> dict[str, str]:
    """Return the SHA-256 of the signed files by name: the manifest and the model file."""
    return {MANIFEST_FILE: assignment.manifest_sha256, assignment.filename: assignment.sha256}


def check_digest(manifest: bytes, *, assignment: Assignment) -> None:
    """Refuse a manifest that is not, byte for byte, the one of the assignment.

    Raises:
        UpdateFailed: `manifest_invalid`.
    """
    if hashlib.sha256(manifest).hexdigest() != assignment.manifest_sha256:
        raise UpdateFailed(Failure.MANIFEST_INVALID, "the manifest is not the one of the assignment")


def check(documents: Documents, *, assignment: Assignment, signing_keys: Iterable[str]) -> None:
    """Refuse documents that no trusted key signed, or that do not fit the assignment or this agent.

    The signature comes first: nothing that the manifest says counts before it.

    Args:
        documents: manifest and signature; `check_digest` has passed.
        assignment: the assignment that both documents must belong to.
        signing_keys: the trusted keys, as PEM texts.

    Raises:
        UpdateFailed: `signature_invalid`, `manifest_invalid` or `incompatible`.
    """
    keys = signatures.load_keys(signing_keys)
    signatures.verify(documents.signature, digests=list_digests(assignment), keys=keys)
    try:
        manifest = manifests.parse(documents.manifest)
    except BadManifest as error:
        raise UpdateFailed(Failure.MANIFEST_INVALID, str(error)) from error
    _check_same(manifest, assignment=assignment)
    _check_runnable(manifest)


def _check_same(manifest: Manifest, *, assignment: Assignment) -> None:
    """Refuse a manifest of another file.

    The hardware target is compared with the assignment's, not with the device's: a target may fall back to the files of a
    more general one.
    """
    pairs = {
        "model": (manifest.model, assignment.model),
        "version": (manifest.version, assignment.version),
        "target": (manifest.target, assignment.target),
        "file.name": (manifest.filename, assignment.filename),
        "file.sha256": (manifest.sha256, assignment.sha256),
        "file.size": (manifest.size_bytes, assignment.size_bytes),
    }
    for name, (found, wanted) in pairs.items():
        if found != wanted:
            message = f"{name} is {found!r}, the assignment says {wanted!r}"
            raise UpdateFailed(Failure.MANIFEST_INVALID, message)


def _check_runnable(manifest: Manifest) -> None:
    if manifest.engine != ENGINE or manifest.format not in FORMATS:
        message = f"this agent runs onnx and ort files by onnxruntime, not {manifest.format} by {manifest.engine}"
        raise UpdateFailed(Failure.INCOMPATIBLE, message)
    try:
        is_too_new = version.parse(manifest.min_agent_version) > version.parse(version.__version__)
    except ValueError as error:
        message = f"min_agent_version {manifest.min_agent_version!r} is no version"
        raise UpdateFailed(Failure.MANIFEST_INVALID, message) from error
    if is_too_new:
        message = f"needs agent {manifest.min_agent_version}, this is {version.__version__}"
        raise UpdateFailed(Failure.INCOMPATIBLE, message)
