"""Names: what a wrong one was meant for, and what Keras, PyTorch, TensorFlow Lite and chip makers call things."""
