"""What the agent says to the server: the device API of the wire contract, and nothing of what the server is made of."""
