"""The machine under the agent: its disk, its clocks, the lock of the home folder, its capabilities and its load.

Every question to the operating system goes through here. Disk and clock are objects that callers pass in, so that a test
can cut the power or move the time.
"""
