"""Running one model file on this machine: arrays in, arrays and scores out."""
