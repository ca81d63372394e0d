"""model.tflite: its schema, the writer, and the TensorFlow Lite Micro interpreter that reads it."""
