"""The operating system: files that may be anything, other programs with time limits, signals."""
