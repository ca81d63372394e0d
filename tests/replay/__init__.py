"""What netspec emits, written to a folder: a change that must not change it is compared with a commit before.

- `nets.py`: the nets, kept as text, and their numbers, made of integers: no library's generator decides anything.
- `run.py`: `python -m tests.replay.run FOLDER` writes everything that is emitted for them.
- `compare.py`: `make replay REF=...` runs that in a worktree of an older commit, too, and shows the difference.
- `digests.txt`: a digest for each net and kernel set, and one for the kernels of each set; see `tests/test_replay.py`.
"""
