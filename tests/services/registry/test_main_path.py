"""From an upload to a READY variant, through the real sandbox."""

import hashlib
import json
from pathlib import Path

import pytest
from model_signing import verifying

from registry import jobs
from registry.builder import pipeline
from registry.manifests import configured_keys
from registry.states import JobKind, VersionStatus
from registry.storage import blobs, configured_store
from registry.versions import variants

AGENT_0_1 = Path(__file__).parents[2] / "contract" / "vectors" / "agent_0_1.json"

pytestmark = pytest.mark.django_db(transaction=True)


def work_off():
    done = 0
    while job := jobs.list_due().first():
        assert pipeline.run(job.pk)
        done += 1
    return done


def test_an_upload_becomes_ready_with_one_signed_variant_per_target(upload, tmp_path):
    version = upload(targets=["generic-cpu", "jetson-orin-nano"])
    assert version.status == VersionStatus.VERIFYING
    assert work_off() == 3
    version.refresh_from_db()
    assert (version.status, version.status_message) == (VersionStatus.READY, "")
    assert version.inputs == [{"name": "image", "dtype": "float32", "shape": ["N", 1, 8, 8]}]
    for target in version.targets:
        variant = variants.best_ready(version, target)
        folder = tmp_path / target
        folder.mkdir()
        blobs.fetch(variant.file, folder / variant.filename)
        documents = {
            1: (variant.manifest, variant.signature),
            2: (variant.manifest_schema_2, variant.signature_schema_2),
        }
        for schema, (of_manifest, of_signature) in documents.items():
            blobs.fetch(of_manifest, folder / "manifest.json")
            blobs.fetch(of_signature, tmp_path / "model.sig")
            manifest = json.loads((folder / "manifest.json").read_bytes())
            assert manifest["schema"] == f"modelfleet.manifest/{schema}"
            assert manifest["file"]["sha256"] == hashlib.sha256((folder / variant.filename).read_bytes()).hexdigest()
            key = tmp_path / "key.pem"
            key.write_text(configured_keys.signing_key().public_pem)
            verifying.Config().use_elliptic_key_verifier(public_key=key).verify(folder, tmp_path / "model.sig")


def test_the_manifest_of_schema_1_has_the_form_that_agents_of_the_last_release_read(upload, tmp_path):
    version = upload()
    work_off()
    variant = variants.best_ready(version, "generic-cpu")
    manifest = json.loads(blobs.fetch(variant.manifest, tmp_path / "manifest.json").read_bytes())
    form = json.loads(AGENT_0_1.read_text())["manifest"]
    assert (manifest["schema"], sorted(manifest)) == (form["schema"], form["fields"])
    for part in ("file", "runtime", "self_test"):
        assert sorted(manifest[part]) == form[part]
    assert all(isinstance(name, str) for name in manifest["runtime"]["providers"])
    assert manifest["min_agent_version"] == "0.1.0"


def test_a_file_that_is_no_model_is_rejected_with_the_reason(upload, tmp_path):
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"no model at all")
    version = upload(file=wrong)
    assert work_off() == 1
    version.refresh_from_db()
    assert version.status == VersionStatus.REJECTED
    assert version.status_message
    assert not version.jobs.filter(kind=JobKind.BUILD).exists()
    assert not list((configured_store.blob_store()._root.parent / "tmp").glob("job-*"))
