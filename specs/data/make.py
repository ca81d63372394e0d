"""Make the data files of the example specs again: `python specs/data/make.py [digits] [motions] [--out DIR]`.

Needed only to check or change the files; netspec itself never runs this. `digits` reads scikit-learn's copy
of the UCI digits, `motions` reads the BasicMotions files inside an installed sktime (which is not imported).

The same sources give the same bytes: no random numbers, and a zip with fixed dates. Deflate is the one thing
that belongs to the machine: a zlib other than the usual one may give another file with the same arrays.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import zipfile
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import numpy.typing as npt

Arrays = Mapping[str, npt.NDArray[np.generic]]

# In the order of the @classLabel line of sktime's files; the index is the class.
MOTIONS = ("standing", "running", "walking", "badminton")


def digits() -> Arrays:
    """Return the UCI digits: x uint8 [n, 8, 8, 1] in 0..16, y uint8 [n] in 0..9.

    Every fourth image of each class, in file order, is held out: a stratified quarter that hangs on no random
    generator. Train and test share writers, as they do in any shuffled split of this file.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = bunch.images.astype(np.uint8)[..., np.newaxis]
    labels = bunch.target.astype(np.uint8)
    held_out = np.zeros(len(labels), dtype=bool)
    for digit in range(10):
        held_out[np.flatnonzero(labels == digit)[3::4]] = True
    return {
        "x_train": images[~held_out],
        "y_train": labels[~held_out],
        "x_test": images[held_out],
        "y_test": labels[held_out],
    }


def motions() -> Arrays:
    """Return BasicMotions: x float32 [40, 100, 6] for each half, y uint8 [40] indexing MOTIONS.

    The halves are those of the archive. Its files are sorted by class; here the classes take turns, so that
    the tail which `validation_split` cuts off holds every class.
    """
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for half in ("train", "test"):
        text = _sktime_file(f"BasicMotions_{half.upper()}.ts").read_text(encoding="utf-8")
        lines = text[text.index("@data") :].split("\n", 1)[1].split()
        series, labels = [], []
        for line in lines:
            *channels, label = line.split(":")
            values = np.array([channel.split(",") for channel in channels], dtype=np.float32)
            series.append(values.T)
            labels.append(MOTIONS.index(label.lower()))
        y = np.array(labels, dtype=np.uint8)
        turn = np.array([np.count_nonzero(y[:i] == label) for i, label in enumerate(y)])
        order = np.lexsort((y, turn))
        arrays[f"x_{half}"] = np.stack(series)[order]
        arrays[f"y_{half}"] = y[order]
    return arrays


def _sktime_file(name: str) -> Path:
    for file in distribution("sktime").files or ():
        if file.name == name:
            return Path(str(file.locate()))
    raise FileNotFoundError(f"the installed sktime carries no {name}")


def npz_bytes(arrays: Arrays) -> bytes:
    """Return a compressed .npz of the arrays, in name order, dated 1980 as `numpy.savez` cannot do."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(arrays):
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(arrays[name]), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # or the file would name the operating system it was made on
            archive.writestr(info, member.getvalue(), compresslevel=9)
    return buffer.getvalue()


def main() -> None:
    """Write the files and print their SHA-256, for README.md."""
    sources = {"digits": digits, "motions": motions}
    parser = argparse.ArgumentParser(description="make the data files of the example specs")
    parser.add_argument("names", nargs="*", help=f"which: {', '.join(sources)}; default: all")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write to")
    arguments = parser.parse_args()
    for name in arguments.names or sources:
        if name not in sources:
            parser.error(f"no data set named '{name}'")
        data = npz_bytes(sources[name]())
        (arguments.out / f"{name}.npz").write_bytes(data)
        print(f"{hashlib.sha256(data).hexdigest()}  {name}.npz  {len(data)} bytes")


if __name__ == "__main__":
    main()
