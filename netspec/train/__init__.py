"""The Keras side: model, data, training, weights. The only package that runs TensorFlow, and only when called."""

from __future__ import annotations
