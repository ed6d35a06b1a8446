"""The parts of the web admin that all apps share, and its pages of people."""
