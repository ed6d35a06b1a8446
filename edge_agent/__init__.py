"""The edge agent: keeps a device on the model that its fleet assigns, and inferring whatever happens.

It owns what is on the device: enrolment, the update of a model (download, verification, self-test, two slots, probation,
roll-back), store-and-forward telemetry, and a small inference runtime. It knows the server only by its wire contract:
nothing of the server is imported here, and nothing here is imported by the server.

Two processes share one home folder. The agent, `edge-agent run`, keeps the folder up to date. The application infers::

    import edge_agent

    runtime = edge_agent.Runtime(home="/var/lib/edge-agent")    # or Runtime(model="digits", ...)
    result = runtime.infer(image)       # a numpy array, or {"input name": array}
    result.class_id, result.confidence, result.latency_ms, result.outputs["logits"]
    result.model_version, result.provider

`Runtime` finds the active slot, opens it with the manifest's providers, follows the agent's switches between two calls
(no restart), falls back to the previous slot or to the fall-back model when the active one does not load, and records
telemetry by itself. An application whose output shows that the model is wrong says so with `runtime.report_failure(...)`:
during probation that rolls the model back.
"""

from typing import TYPE_CHECKING

from edge_agent.version import __version__

if TYPE_CHECKING:
    from edge_agent.runtime.runtime import Inference, Runtime

__all__ = ["Inference", "Runtime", "__version__"]


def __getattr__(name: str) -> object:
    """Import the runtime at first use: the agent process itself needs neither NumPy nor ONNX Runtime."""
    if name in {"Inference", "Runtime"}:
        from edge_agent.runtime import runtime  # noqa: PLC0415  see above

        return getattr(runtime, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
