"""The registry over REST. Views parse, call one verb or query, and render; docs/wire-format.md has the contract."""
