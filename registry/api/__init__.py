"""The registry over REST. Views parse, call one verb or query, and render; the shapes are those of the wire contract."""
