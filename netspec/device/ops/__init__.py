"""Kernels: for each op its constants and scratch, its numbers, its three forms. `netspec.device.kernels` chooses."""
