"""Keras on TensorFlow, imported once, quietly, and with the settings that the rest of netspec counts on."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from netspec.diagnostics import ToolError

_QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "GRPC_VERBOSITY": "ERROR",
    "GLOG_minloglevel": "3",
    # oneDNN takes a third of the time. Its sums depend on the processor, but so do those without it: Eigen's products
    # run a kernel of oneDNN's all the same. Both repeat on one processor type with one number of threads.
    "TF_ENABLE_ONEDNN_OPTS": "1",
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
        with _quiet_import(first):
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


@contextmanager
def _quiet_import(first: bool) -> Iterator[None]:
    """Keep what TensorFlow's C++ writes on standard error during its import, and show it only where that fails.

    It reports oneDNN there before any setting of its log can apply.
    """
    if not first:
        yield
        return
    try:
        standard_error = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        except BaseException:
            caught.seek(0)
            os.write(standard_error, caught.read())
            raise
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)


def seed_everything(keras: Any, seed: int) -> None:
    """Make what follows repeatable: initial weights, dropout, and kernels that would otherwise race."""
    tensorflow = importlib.import_module("tensorflow")
    keras.utils.set_random_seed(seed % 2**32)
    tensorflow.config.experimental.enable_op_determinism()
