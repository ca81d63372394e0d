"""Who agrees with whom: Keras float, numpy int8, TensorFlow Lite Micro, emitted C with each provider. Tolerance 0."""
