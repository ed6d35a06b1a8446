"""The lowest app, which all others import: refusals, roles, API tokens, the audit trail, and the parts that all REST APIs share.

It also reads and writes times, durations and network addresses, limits the depth of JSON, and queues tasks after the commit.
``web_admin`` is the base of every page of the web admin, ``people`` decides who may change whom, and ``guessing`` limits wrong
passwords, tokens and keys. It has rows of its own for API tokens, the audit trail, and the counts of attempts to log in. It imports no
other app, and knows no model, device or telemetry; ``roles.Area`` names the areas that a role may write, and nothing more about them.
"""
