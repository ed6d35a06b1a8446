"""The formats of values: durations, times, and the depth of JSON."""
