"""Takes rights away from a process before it starts a tool: each module is one layer, and needs only the standard library.

``launcher`` calls the layers in order. A kernel may lack ``namespaces`` and ``landlock``; then the other layers hold, as
``docs/operations.md`` says. Without ``seccomp`` no uploaded file is opened.
"""


class CannotConfine(Exception):
    """A layer that the sandbox needs could not be set up. Without the layer no uploaded file is opened."""
