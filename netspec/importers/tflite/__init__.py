"""A .tflite file to a spec."""
