"""Arm's kernels for the ops that netspec has kernels of its own for.

Integers, reference and TensorFlow Lite operators are inherited: only the C call and what it reads differ.
"""
