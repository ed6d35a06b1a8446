"""How values are written and read: durations, times, and how deep JSON may nest."""
