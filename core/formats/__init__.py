"""The formats of values: durations, times, network addresses, and the depth of JSON."""
