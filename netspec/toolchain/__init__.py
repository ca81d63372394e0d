"""Finds and runs the tools that netspec does not bring itself: a C compiler and Arm's CMSIS-NN.

A build asks for kernels (:func:`portable_kernels` or :func:`cmsis_kernels`), compiles them once into a
cached archive (:func:`compile_library`) and links programs with it (:func:`compile_program`). Everything
that fails here raises :class:`netspec.diagnostics.ToolError`, with the command to type as its help.
"""

from __future__ import annotations

from netspec.toolchain.cmsis_nn import CmsisNN, find_cmsis_nn, probe
from netspec.toolchain.compiler import (
    Compiler,
    cache_folder,
    compile_library,
    compile_program,
    find_cc,
)
from netspec.toolchain.doctor import Tool, describe
from netspec.toolchain.kernels import KernelSet, cmsis_kernels, portable_kernels

__all__ = [
    "CmsisNN",
    "Compiler",
    "KernelSet",
    "Tool",
    "cache_folder",
    "cmsis_kernels",
    "compile_library",
    "compile_program",
    "describe",
    "find_cc",
    "find_cmsis_nn",
    "portable_kernels",
    "probe",
]
