"""Models of others -> a spec and its weights: Keras files and TensorFlow Lite files, read without running anything."""

from __future__ import annotations
