"""Keras on TensorFlow, imported once, quietly, and with the settings that the rest of netspec counts on."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from netspec.diagnostics import ToolError

_QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "GRPC_VERBOSITY": "ERROR",
    "GLOG_minloglevel": "3",
    # oneDNN picks its order of summation by processor: without it, training repeats itself on another machine too.
    "TF_ENABLE_ONEDNN_OPTS": "0",
}


def load_keras() -> Any:
    """Return the `keras` module, with TensorFlow under it, channels last and float32.

    What the user has set in the environment stays. Raises `ToolError` where TensorFlow is not installed, or where
    the process has Keras on another backend already.
    """
    first = "keras" not in sys.modules
    if first:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        os.environ["KERAS_BACKEND"] = "tensorflow"
    try:
        importlib.import_module("tensorflow")
        keras = importlib.import_module("keras")
    except ImportError as error:
        raise ToolError(
            f"training needs TensorFlow, which cannot be imported: {error}",
            help="install netspec with its extra: pip install 'netspec-mcu[train]', or [train-cpu]",
        ) from error
    if keras.config.backend() != "tensorflow":
        raise ToolError(
            f"Keras runs on '{keras.config.backend()}' in this process, netspec needs TensorFlow",
            help="set KERAS_BACKEND=tensorflow before Keras is imported",
        )
    if first:
        import logging

        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        logging.getLogger("absl").setLevel(logging.ERROR)
    # ~/.keras/keras.json may say otherwise, and a layer would take it for its default.
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    return keras


def seed_everything(keras: Any, seed: int) -> None:
    """Make what follows repeatable: initial weights, dropout, and kernels that would otherwise race."""
    tensorflow = importlib.import_module("tensorflow")
    keras.utils.set_random_seed(seed % 2**32)
    tensorflow.config.experimental.enable_op_determinism()
