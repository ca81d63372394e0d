"""What changed between two nets: layers matched by name and structure, costs, and which weights are still good.

Nothing here imports numpy or TensorFlow, or writes a file.
"""
