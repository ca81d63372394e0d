"""Write waves.npz, the samples that PROJECT.yaml trains with: `python data/make.py`.

They are made up, so that the project builds before there are any recordings. Put what reads yours in the place of
`waves`; the names and shapes of the arrays are what netspec asks for.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

CLASSES = ("sine", "square", "sawtooth")
SAMPLES = 64


def waves(count: int, random: np.random.Generator) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return x [count, SAMPLES, 1] in 0..255 and y [count], an index into CLASSES."""
    y = random.integers(0, len(CLASSES), count)
    periods, phase = random.uniform(2, 4, count), random.uniform(0, 1, count)
    at = (np.linspace(0, 1, SAMPLES) * periods[:, np.newaxis] + phase[:, np.newaxis]) % 1  # 0..1 in each period
    forms = np.stack([np.sin(2 * np.pi * at), np.sign(0.5 - at), 2 * at - 1])
    clean = forms[y, np.arange(count)] * random.uniform(0.6, 0.9, (count, 1))
    noisy = clean + random.normal(0, 0.03, clean.shape)
    x = np.clip(np.rint((noisy + 1) * 127.5), 0, 255)
    return x[..., np.newaxis].astype(np.uint8), y.astype(np.uint8)


def main() -> None:
    random = np.random.default_rng(0)  # the same numbers each time
    x_train, y_train = waves(480, random)
    x_test, y_test = waves(120, random)
    file = Path(__file__).with_name("waves.npz")
    np.savez_compressed(file, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)


if __name__ == "__main__":
    main()
