"""What a test sees of a device from outside: the model it runs, and the failure it reports."""

import edge_agent
from tests.agent import tiny_models


def running(home):
    """The version that an application gets, run for real."""
    with edge_agent.Runtime("digits", home=home) as runtime:
        return runtime.infer(tiny_models.images(1)[0]).model_version


def failure_of(server, answer):
    reports = [r for r in server.reports if r["attempt_id"] == answer["assignment"]["attempt_id"]]
    assert reports[-1]["state"] == "failed"
    return reports[-1]["detail"]["class"]
