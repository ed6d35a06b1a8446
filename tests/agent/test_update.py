"""The update: what is taken, what is refused, and what runs afterwards."""

import edge_agent
from tests.agent import tiny_models


def test_a_new_device_enrols_installs_reports_and_infers(server, start, publish, home):
    release = publish("1.0.0")
    server.assign(release)

    assert start().sync() == ["updated"]

    assert server.states() == ["downloading", "verified", "self_tested", "activated"]
    assert server.reports[-1]["active_providers"] == ["CPUExecutionProvider"]
    assert server.heartbeats[-1]["running"] == [{"model": "digits", "version": "1.0.0", "sha256": release.sha256}]
    with edge_agent.Runtime(home=home) as runtime:
        result = runtime.infer(tiny_models.images(1)[0])
    assert result.model_version == "1.0.0"
    assert 0 < result.confidence <= 1
