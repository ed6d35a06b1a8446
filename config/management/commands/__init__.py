"""The commands of the wiring itself."""
