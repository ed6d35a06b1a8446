"""The machine under the agent: its disk, its clocks, the lock of the home folder, its abilities and its load."""
