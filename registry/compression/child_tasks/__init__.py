"""The tasks that a child process runs on a model, each a module with ``run``, and the messages to and from them."""
