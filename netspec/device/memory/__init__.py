"""Where tensors lie: live ranges, shared bytes, offsets in one memory or several, and the checker of it all."""
