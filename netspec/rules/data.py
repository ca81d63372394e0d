"""Rules of the training data, which `netspec check --data` and a build hold against the spec."""

from __future__ import annotations

from netspec.rules.entry import Example, Rule, net
from netspec.rules.samples import integers, npy, npz, png, wav

_CLASSES = "- dense: {units: 3, activation: softmax}"
_IMAGE = "{image: {shape: [8, 8, 1]}}"


def _check(layers: str, data: str, files: dict[str, bytes], beside: str, inputs: str = "{x: {shape: [4]}}") -> Example:
    train = f"train:\n  data: {data}\n  loss: sparse_categorical_crossentropy\n"
    return Example(net(layers, train, inputs=inputs), "check --data", files, beside)


def _npz(beside: str, **arrays: bytes) -> Example:
    return _check(_CLASSES, "{npz: data.npz}", {"data.npz": npz(**arrays)}, beside)


def _images(files: dict[str, bytes], beside: str) -> Example:
    layers = f"- flatten\n{_CLASSES}"
    return _check(layers, "{images: {path: pictures}}", files, beside, _IMAGE)


def _audio(rate: int, seconds: int, beside: str) -> Example:
    files = {f"clips/{name}/a.wav": wav(rate, rate) for name in ("go", "stop", "up")}
    files["clips/go/a.wav"] = wav(rate, rate * seconds)
    data = "{audio: {path: clips, features: log_mel, mel_bins: 10}}"
    return _check(f"- flatten\n{_CLASSES}", data, files, beside, "{x: {shape: [49, 10]}}")


RULES = (
    Rule(
        "data-missing-file",
        "A file or folder of `train.data` or `quantize.calibration.data` that is not there.",
        "Paths are relative to the spec, not to where the command runs.",
        "Correct the path; a name nearly the same is suggested.",
        _check(_CLASSES, "{npz: dta.npz}", {"data.npz": npz()}, "There is a data.npz beside the spec."),
    ),
    Rule(
        "data-unreadable",
        "A file that is not what the loader reads.",
        "It is damaged, or of another format.",
        "Save it in the format that the help names.",
        _check(_CLASSES, "{npz: data.npz}", {"data.npz": b"x,y\n1,2\n"}, "data.npz is a table of text."),
    ),
    Rule(
        "data-missing-array",
        "An array or column that training needs and the file has not.",
        "Arrays are found by their names: `x_train`, `y_train`, and with several inputs `x_train_NAME`.",
        "Add it, or save it under the name that is looked for.",
        _npz("data.npz holds `x_train` of shape (6, 4).", x_train=npy((6, 4))),
    ),
    Rule(
        "data-unknown-array",
        "An array whose name begins with `x_` or `y_` and that belongs to no input or output.",
        "It would be passed over in silence; most often its name is misspelt.",
        "Rename or remove it.",
        _npz(
            "data.npz holds `x_train`, `y_train` and `x_tset`.",
            x_train=npy((6, 4)),
            y_train=integers(0, 1, 2, 0, 1, 2),
            x_tset=npy((2, 4)),
        ),
    ),
    Rule(
        "data-duplicate-name",
        "A column of a table, or an array of an archive, whose name is there twice.",
        "One of the two would be taken without a word, or both as values of their own.",
        "Rename one, or remove it.",
        _npz(
            "data.npz holds `x_train`, `x_train_x` and `y_train`.",
            x_train=npy((6, 4)),
            x_train_x=npy((6, 4)),
            y_train=integers(0, 1, 2, 0, 1, 2),
        ),
    ),
    Rule(
        "data-dtype",
        "An array that holds no numbers.",
        "A net computes with numbers; text must become class numbers first.",
        "Store numbers.",
        _npz("`y_train` holds text.", x_train=npy((6, 4)), y_train=npy((6,), "<U3")),
    ),
    Rule(
        "data-shape",
        "Samples whose shape is not the input's, or the output's as the loss takes it.",
        "Keras would stop at the first batch, or broadcast.",
        "Write the `reshape` or `transpose` that the help computes, or change the spec.",
        _npz("`x_train` has the shape (6, 2, 2).", x_train=npy((6, 2, 2)), y_train=integers(0, 1, 2, 0, 1, 2)),
    ),
    Rule(
        "data-sample-count",
        "Arrays of one split with different numbers of samples, or with none.",
        "Each x needs its y; a factor between the two is most often a stack of frames that was taken apart.",
        "Give every x a y; where samples belong together, the help has the call that stacks them.",
        _npz("`x_train` has 6 samples, `y_train` 5.", x_train=npy((6, 4)), y_train=integers(0, 1, 2, 0, 1)),
    ),
    Rule(
        "data-label-range",
        "Class numbers below 0, or beyond the output's width.",
        "The loss would read beside the output: the result is NaN on some machines and nonsense on others.",
        "Count classes from 0, or give the output a unit for each.",
        _npz("`y_train` holds 1 to 3.", x_train=npy((6, 4)), y_train=integers(1, 2, 3, 1, 2, 3)),
    ),
    Rule(
        "data-values",
        "Labels that are missing or not whole, cells that are no numbers, values beyond what the input's type holds.",
        "Class numbers count classes; there is no class 1.5.",
        "Store integers of at most 32 bits.",
        _npz(
            "`y_train` holds fractions.",
            x_train=npy((2, 4)),
            y_train=npy((2,), "<f4", b"\x00\x00\xc0\x3f" * 2),
        ),
    ),
    Rule(
        "data-class-count",
        "Folders of classes, or words in a column of labels, that are more or fewer than the output has classes.",
        "With more, the loss reads beside the output; with fewer, some outputs never learn.",
        "Give the output as many units as there are classes, or correct the words, or move other folders away.",
        _images(
            {f"pictures/{name}/a.png": png(8, 8) for name in ("cat", "cow", "dog", "emu")},
            "pictures/ has the folders cat, cow, dog and emu.",
        ),
    ),
    Rule(
        "data-split-classes",
        "A `validation_split` that parts the classes: the end of the data holds some that the rest hardly has.",
        "Keras holds back the last samples as they are. Of data sorted by class, training never sees the last ones.",
        "Shuffle the samples once before they are saved, or give validation samples of their own.",
        Example(
            net(
                _CLASSES,
                "train:\n  data: {npz: data.npz}\n  loss: sparse_categorical_crossentropy\n  validation_split: 0.34\n",
                inputs="{x: {shape: [4]}}",
            ),
            "check --data",
            {"data.npz": npz(x_train=npy((60, 4)), y_train=integers(*(index // 20 for index in range(60))))},
            "`y_train` is sorted: 20 times 0, 20 times 1, 20 times 2.",
        ),
        "warning",
    ),
    Rule(
        "data-ignored-files",
        "Files in the folder of a class that netspec does not read.",
        "They may be samples in another format, and would be left out without a word.",
        "Convert them, or move them out of the folder.",
        _images(
            {f"pictures/{name}/a.png": png(8, 8) for name in ("cat", "cow", "dog")} | {"pictures/cat/b.webp": b""},
            "pictures/cat/ holds a.png and b.webp.",
        ),
        "warning",
    ),
    Rule(
        "data-sample-rate",
        "A sound of another sample rate than `train.data.audio.sample_rate`.",
        "The same word would have its features at other frequencies than on the device.",
        "Resample the files, or write their rate.",
        _audio(8000, 1, "The clips have 8,000 samples a second."),
    ),
    Rule(
        "data-clip-length",
        "Clips that last longer than the input's frames.",
        "The rest of each clip is never read.",
        "Give the input as many frames as the help says, or cut the clips.",
        _audio(16000, 2, "clips/go/a.wav lasts two seconds, the others one."),
        "warning",
    ),
)
