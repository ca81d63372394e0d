"""One YAML spec of a neural network: shapes at commit time, a Keras model, and matching CMSIS-NN firmware."""

__version__ = "0.1.0"
