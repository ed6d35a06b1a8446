"""The edge agent: it keeps a device on the model that its fleet assigns, and keeps it inferring through every failure.

It owns everything on the device: enrollment, the update of a model, telemetry, and a small inference runtime. It knows the
server only by its wire contract: it imports nothing from the server, and the server imports nothing from here.

Two processes share one home folder. The agent, `edge-agent run`, keeps the folder up to date. The application infers::

    import edge_agent

    runtime = edge_agent.Runtime(home="/var/lib/edge-agent")    # or Runtime(model="digits", ...)
    result = runtime.infer(image)       # a numpy array, or {"input name": array}
    result.class_id, result.confidence, result.latency_ms, result.outputs["logits"]
    result.model_version, result.provider

`Runtime` loads the model in use on the providers of its manifest, and follows the agent's switches between two calls,
without a restart. Where the current model does not load, it falls back to the previous one, then to the fall-back model.
It records telemetry by itself. An application that sees senseless output calls `runtime.report_failure(...)`: during
probation, such failures roll the model back.

Layers, top to bottom; a module imports only from the layers below its own (`pyproject.toml` at the root enforces it)::

    cli                                the command line
    agent | status                     the duties; the state as one document
    enrollment | update | runtime      the identity; updates; the interface for applications
    telemetry                          records, batches, sending
    server                             the exchange with the server
    inference                          running one model file, and what its outputs mean
    installed                          slots, manifest, pointer
    machine                            disk, clocks, lock, capabilities, resources
    settings > setting_kinds
    names | version | errors

`update` and `runtime` never import each other. They meet on the disk: the agent writes slots, the application reads them.
The application's process therefore loads no HTTP client, and the agent's process loads no NumPy.
"""

from typing import TYPE_CHECKING

from edge_agent.version import __version__

if TYPE_CHECKING:
    from edge_agent.runtime.results import Inference
    from edge_agent.runtime.runtime import Runtime

__all__ = ["Inference", "Runtime", "__version__"]


def __getattr__(name: str) -> object:
    """Import the runtime at its first use: the agent's process needs neither NumPy nor ONNX Runtime."""
    if name in {"Inference", "Runtime"}:
        from edge_agent.runtime import runtime  # noqa: PLC0415  see the docstring

        return getattr(runtime, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
