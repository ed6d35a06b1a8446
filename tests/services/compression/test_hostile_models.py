"""Each hostile upload goes through the real child: it ends in a named error within seconds, and the caller lives."""

import time
from dataclasses import replace

import numpy as np
import pytest

from registry.compression.inspections import inspect_model
from registry.compression.refusal import ModelRefused
from registry.compression.sandbox.parent import SandboxKilled
from tests.services.compression import hostile_models
from tests.unit.compression import graphs

QUICK = replace(graphs.LIMITS, wall_seconds=20.0, memory_bytes=1 << 29, intake_cpu_seconds=1)


@pytest.mark.parametrize("name", hostile_models.HOSTILE)
def test_it_ends_in_a_named_error_within_seconds(tmp_path, name):
    path = tmp_path / "upload.onnx"
    reason = hostile_models.write(name, path)
    started = time.monotonic()
    with pytest.raises((ModelRefused, SandboxKilled)) as caught:
        inspect_model(path, scratch=tmp_path, limits=QUICK)
    assert caught.value.reason == reason
    assert time.monotonic() - started < 15
    assert str(tmp_path) not in caught.value.detail
    assert "site-packages" not in caught.value.detail


def test_a_hostile_calibration_file_is_refused_by_the_child_too(tmp_path):
    model = graphs.save(graphs.small_cnn(), tmp_path / "m.onnx")
    np.savez(tmp_path / "c.npz", image=np.array([object()], dtype=object))
    with pytest.raises(ModelRefused) as caught:
        inspect_model(model, scratch=tmp_path, calibration=tmp_path / "c.npz", limits=graphs.LIMITS)
    assert caught.value.reason == "calibration_objects"
