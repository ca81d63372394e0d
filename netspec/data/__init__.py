"""What the files of `train.data` say of themselves, and the rules that they must keep: without numpy, for `check`."""
