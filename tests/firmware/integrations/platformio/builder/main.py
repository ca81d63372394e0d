"""A platform of PlatformIO: programs for the machine at hand, with its own gcc."""

from __future__ import annotations

from SCons.Script import Default, DefaultEnvironment

env = DefaultEnvironment()
env.Tool("gcc")
env.Tool("g++")
Default([env.BuildProgram()])
