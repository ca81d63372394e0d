"""Specs that are large in one way each: every section, every construct of the language, every kind of error repeated.

`SPECS` maps a name to a function that makes a spec of about so many bytes, for `check`; `COMMANDS` are the others that
read specs. `make bench` measures all of them as processes at the largest size that is read; `test_hostile.py` runs
smaller ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

HEAD = "netspec: 1\nname: net\n"
INPUT = "inputs: {x: {shape: [8, 8, 4]}}\n"
FLAT = "inputs: {x: {shape: [8]}}\n"

TWO_MEMORIES = (
    "target: {memory: [{name: fast, size: 65536, holds: [arena]}, {name: slow, size: 1000, holds: [arena]}]}\n"
)

Make = Callable[[int], str]
SPECS: dict[str, Make] = {}


def spec(make: Make) -> Make:
    SPECS[make.__name__.strip("_")] = make
    return make


def rows(size: int, row: Callable[[int], str], separator: str = "") -> str:
    """Return as many rows as fit into a size."""
    found, length, index = [], 0, 0
    while length < size:
        found.append(row(index))
        length += len(found[-1]) + len(separator)
        index += 1
    return separator.join(found)


def layers(size: int, row: Callable[[int], str], head: str = HEAD + INPUT, tail: str = "") -> str:
    return f"{head}layers:\n{rows(size - len(head) - len(tail), row)}{tail}"


def added_branches(size: int, tail: str) -> str:
    """Return convolutions of one input that live together until one op adds them all."""
    count = min(size // 75, 5000)  # a spec may have 10,000 layers
    return (
        f"{HEAD}{INPUT}layers:\n"
        + "".join(f"  - conv2d: {{name: c{i}, from: x, filters: 2, kernel_size: 1}}\n" for i in range(count))
        + f"  - add: {{from: [{', '.join(f'c{i}' for i in range(count))}]}}\n{tail}"
    )


def layer(text: str, head: str = HEAD + INPUT, tail: str = "") -> Make:
    """Return a maker of one kind of layer over and over; INDEX in it is a number."""
    return lambda size: layers(size, lambda index: f"  - {text}\n".replace("INDEX", str(index)), head, tail)


def small(text: str) -> Make:
    """Return a maker of a spec whose size does not depend on what is asked for."""
    return lambda size: text


TARGET = "target: {core: cortex-m4}\n"
TIGHT = "target: {core: cortex-m4, budget: {flash: 1KiB, ram: 1KiB, macs: 1}}\n"
TRAIN = "train: {data: {npz: d.npz}, loss: mse, epochs: 1}\n"

SPECS |= {
    # ----------------------------------------------------------------- layers that are right
    "relus": layer("relu"),
    "relus with a target": layer("relu", tail=TARGET),
    "flattens": layer("flatten"),
    "dropouts": layer("dropout: {rate: 0.1}"),
    "identities": layer("reshape: {target_shape: [8, 8, 4]}", tail=TARGET),
    "convolutions": layer("conv2d: {filters: 4, kernel_size: 3, padding: same}", tail=TARGET),
    "convolutions of many keys": layer(
        "conv2d: {name: cINDEX, filters: 4, kernel_size: [3, 3], strides: [1, 1], dilation_rate: [1, 1], "
        "padding: same, use_bias: false, activation: relu, kernel_regularizer: {l2: 0.001}}",
        tail=TARGET,
    ),
    "denses": layer("dense: {units: 8}", HEAD + FLAT, TARGET),
    "tight budget": layer("conv2d: {filters: 4, kernel_size: 3, padding: same}", tail=TIGHT),
    "batch normalizations": layer("batch_normalization", tail=TARGET),
    "recurrent": layer("lstm: {units: 4, return_sequences: true}", HEAD + "inputs: {x: {shape: [8, 4]}}\n"),
    "wrappers": layer(
        "bidirectional: {layer: {gru: {units: 4, return_sequences: true}}}", HEAD + "inputs: {x: {shape: [8, 4]}}\n"
    ),
    "parallel convolutions": layer(
        "conv2d: {name: c_INDEX, from: x, filters: 2, kernel_size: 1}",
    ),
    "branches joined": lambda size: (
        f"{HEAD}{INPUT}layers:\n"
        + rows(size // 3, lambda i: f"  - conv2d: {{name: c{i}, from: x, filters: {i % 7 + 1}, kernel_size: 1}}\n")
        + rows(size // 5, lambda i: f"  - conv2d: {{name: e{i}, from: c{i}, filters: 1, kernel_size: 1}}\n")
        + f"  - add: {{from: [{rows(size // 70, lambda i: f'e{i}', ', ')}]}}\n{TARGET}"
    ),
    "branches in two memories": lambda size: added_branches(size, TWO_MEMORIES),
    "branches above a budget": lambda size: added_branches(size, "target: {budget: {ram: 1000}}\n"),
    "residuals": layer("add: {name: a_INDEX, from: [x, x]}", tail=TARGET),
    "unused layers": layer("relu: {from: x}"),
    "layers with names": layer("relu: {name: layer_number_INDEX}"),
    "softmaxes": layer("softmax", tail=TARGET),
    # ----------------------------------------------------------------- repeats and blocks
    "repeat": small(f"{HEAD}{FLAT}layers: [{{repeat: {{times: 99000, layers: [relu]}}}}]\n"),
    "repeat of two": small(
        f"{HEAD}{FLAT}layers: [{{repeat: {{times: 49000, layers: [relu, dropout: {{rate: 0.5}}]}}}}]\n"
    ),
    "repeat with a target": small(
        f"{HEAD}{FLAT}layers: [{{repeat: {{times: 10000, layers: [{{dense: {{units: 8}}}}]}}}}]\n{TARGET}"
    ),
    "repeat of a misspelt type": small(f"{HEAD}{FLAT}layers: [{{repeat: {{times: 99000, layers: [rellu]}}}}]\n"),
    "repeat of a wrong key": small(
        f"{HEAD}{FLAT}layers: [{{repeat: {{times: 99000, layers: [{{dense: {{unit: 3}}}}]}}}}]\n"
    ),
    "repeat of a wrong value": small(
        f"{HEAD}{FLAT}layers: [{{repeat: {{times: 9000, layers: [{{dense: {{units: -3}}}}]}}}}]\n"
    ),
    "repeat of a wrong shape": small(
        f"{HEAD}{FLAT}layers: [{{repeat: {{times: 9000, layers: [{{conv2d: {{filters: 3, kernel_size: 3}}}}]}}}}]\n"
    ),
    "repeat of a wrong from": small(
        f"{HEAD}{FLAT}layers: [{{repeat: {{times: 9000, layers: [{{relu: {{from: y}}}}]}}}}]\n"
    ),
    "repeats in repeats": small(
        f"{HEAD}{FLAT}layers: [{{repeat: {{times: 31, layers: [{{repeat: {{times: 31, layers: [{{repeat: {{times: 10, "
        "layers: [rellu]}}]}}]}}]\n"
    ),
    "blocks in blocks": small(
        f"{HEAD}{FLAT}blocks:\n  b0: {{layers: [relu, dence: {{units: 3}}]}}\n"
        + "".join(f"  b{i}: {{layers: [{', '.join([f'b{i - 1}'] * 10)}]}}\n" for i in range(1, 5))
        + "layers: [b4]\n"
    ),
    "blocks in blocks that are right": small(
        f"{HEAD}{FLAT}blocks:\n  b0: {{layers: [relu]}}\n"
        + "".join(f"  b{i}: {{layers: [{', '.join([f'b{i - 1}'] * 9)}]}}\n" for i in range(1, 5))
        + "layers: [b4]\n"
    ),
    "repeats": layer("repeat: {times: 2, layers: [relu]}"),
    "uses": layer(
        "b: {p: 3}", f"{HEAD}{FLAT}blocks: {{b: {{params: {{p: null}}, layers: [{{dense: {{units: $p}}}}]}}}}\n"
    ),
    "uses with a wrong parameter": layer(
        "b: {pp: 3}", f"{HEAD}{FLAT}blocks: {{b: {{params: {{p: null}}, layers: [{{dense: {{units: $p}}}}]}}}}\n"
    ),
    "uses without the parameter": layer(
        "b", f"{HEAD}{FLAT}blocks: {{b: {{params: {{p: null}}, layers: [{{dense: {{units: $p}}}}]}}}}\n"
    ),
    "blocks": lambda size: (
        f"{HEAD}{FLAT}blocks:\n{rows(size, lambda i: f'  b{i}: {{layers: [relu]}}' + chr(10))}layers: [relu]\n"
    ),
    "blocks that use the one before": lambda size: (
        f"{HEAD}{FLAT}blocks:\n  b0: {{layers: [relu]}}\n"
        f"{rows(size, lambda i: f'  b{i + 1}: {{layers: [b{i}]}}' + chr(10))}layers: [b1]\n"
    ),
    "blocks in a circle": lambda size: (
        f"{HEAD}{FLAT}blocks:\n"
        f"{rows(size, lambda i: f'  b{i}: {{layers: [b{i + 1}, b{i // 2}]}}' + chr(10))}layers: [b1]\n"
    ),
    "unused blocks with faults": lambda size: (
        f"{HEAD}{FLAT}blocks:\n{rows(size, lambda i: f'  b{i}: {{layers: [rellu]}}' + chr(10))}layers: [relu]\n"
    ),
    "one use of many parameters": lambda size: (
        f"{HEAD}{FLAT}blocks:\n  b:\n    params: {{{rows(size // 2, lambda i: f'p{i}: null', ', ')}}}\n"
        f"    layers: [relu]\nlayers:\n  - b: {{{rows(size // 2, lambda i: f'p{i}: 1', ', ')}}}\n"
    ),
    "one use of many unknown parameters": lambda size: (
        f"{HEAD}{FLAT}blocks:\n  b:\n    params: {{{rows(size // 2, lambda i: f'param{i}: 1', ', ')}}}\n"
        f"    layers: [relu]\nlayers:\n  - b: {{{rows(size // 2, lambda i: f'parm{i}: 1', ', ')}}}\n"
    ),
    "uses of a block of many parameters": lambda size: (
        f"{HEAD}{FLAT}blocks:\n  b:\n    params: {{{rows(size // 2, lambda i: f'p{i}: 1', ', ')}}}\n"
        f"    layers: [relu]\nlayers:\n{rows(size // 2, lambda i: '  - b' + chr(10))}"
    ),
    "clashing names in repeats": lambda size: layers(
        size, lambda i: "  - repeat: {times: 9, layers: [{relu: {name: r}}]}\n"
    ),
    "a repeat of many layers": lambda size: (
        f"{HEAD}{FLAT}layers:\n  - repeat:\n      times: 3\n      layers:\n"
        f"{rows(size, lambda i: '      - relu' + chr(10))}"
    ),
    "params of lists": lambda size: (
        f"{HEAD}{FLAT}vars: {{v: [{rows(18000, lambda i: '1', ',')}]}}\n"
        f"layers:\n{rows(size - 19000, lambda i: '  - reshape: {target_shape: $v}' + chr(10))}"
    ),
    # ----------------------------------------------------------------- vars and arithmetic
    "vars": lambda size: f"{HEAD}{FLAT}vars:\n{rows(size, lambda i: f'  v{i}: 3' + chr(10))}layers: [relu]\n",
    "vars of the one before": lambda size: (
        f"{HEAD}{FLAT}vars:\n  v0: 3\n{rows(size, lambda i: f'  v{i + 1}: $v{i}' + chr(10))}layers: [relu]\n"
    ),
    "vars that are near misses": lambda size: (
        f"{HEAD}{FLAT}vars:\n{rows(size // 2, lambda i: f'  variable_{i}: 3' + chr(10))}layers:\n"
        f"{rows(size // 2, lambda i: f'  - dense: {{units: $variabel_{i}}}' + chr(10))}"
    ),
    "unknown names": layer("dense: {units: $nothing_INDEX}", HEAD + FLAT),
    "expressions": layer("dense: {units: '${w * 2 - 8}'}", f"{HEAD}{FLAT}vars: {{w: 8}}\n"),
    "one expression": lambda size: (
        f'{HEAD}{FLAT}vars: {{w: 8}}\nlayers:\n  - dense: {{units: "${{{rows(size, lambda i: "w", " - ")}}}"}}\n'
    ),
    "one text of expressions": lambda size: (
        f'{HEAD}{FLAT}vars: {{w: 8}}\nlayers:\n  - dense: {{name: "{rows(size, lambda i: "${w}")}", units: 3}}\n'
    ),
    "one text of open expressions": lambda size: (
        f'{HEAD}{FLAT}layers:\n  - dense: {{name: "{rows(size, lambda i: "${")}", units: 3}}\n'
    ),
    "one text of dollars": lambda size: f'{HEAD}{FLAT}description: "{rows(size, lambda i: "$$")}"\nlayers: [relu]\n',
    "wrong expressions": layer("dense: {units: '${w / 2}'}", f"{HEAD}{FLAT}vars: {{w: 8}}\n"),
    "minus signs": lambda size: f'{HEAD}{FLAT}layers:\n  - dense: {{units: "${{{"-" * size}1}}"}}\n',
    "wrong vars": lambda size: f"{HEAD}{FLAT}vars:\n{rows(size, lambda i: f'  1v{i}: 3' + chr(10))}layers: [relu]\n",
    # ----------------------------------------------------------------- inputs, outputs, sections
    "inputs": lambda size: (
        f"{HEAD}inputs:\n{rows(size // 2, lambda i: f'  i{i}: {{shape: [4]}}' + chr(10))}layers:\n"
        f"{rows(size // 2, lambda i: f'  - relu: {{from: i{i}}}' + chr(10))}"
    ),
    "inputs joined": lambda size: (
        f"{HEAD}inputs:\n{rows(size * 3 // 4, lambda i: f'  i{i}: {{shape: [4]}}' + chr(10))}layers:\n"
        f"  - add: {{from: [{rows(size // 6, lambda i: f'i{i}', ', ')}]}}\n"
    ),
    "inputs unused": lambda size: (
        f"{HEAD}inputs:\n{rows(size, lambda i: f'  i{i}: {{shape: [4]}}' + chr(10))}layers:\n  - relu: {{from: i0}}\n"
    ),
    "inputs without a from": lambda size: (
        f"{HEAD}inputs:\n{rows(size, lambda i: f'  i{i}: {{shape: [4]}}' + chr(10))}layers:\n  - relu\n"
    ),
    "inputs with wrong names": lambda size: (
        f"{HEAD}inputs:\n{rows(size, lambda i: f'  i-{i}: {{shape: [4]}}' + chr(10))}layers:\n  - relu\n"
    ),
    "inputs with wrong shapes": lambda size: (
        f"{HEAD}inputs:\n{rows(size, lambda i: f'  i{i}: {{shape: [-4]}}' + chr(10))}layers:\n  - relu: {{from: i1}}\n"
    ),
    "one shape": lambda size: f"{HEAD}inputs: {{x: {{shape: [{rows(size, lambda i: '1', ',')}]}}}}\nlayers: [relu]\n",
    "one wrong shape": lambda size: (
        f"{HEAD}inputs: {{x: {{shape: [{rows(size, lambda i: 'a', ',')}]}}}}\nlayers: [relu]\n"
    ),
    "outputs": lambda size: (
        f"{HEAD}{FLAT}layers:\n{rows(size // 2, lambda i: f'  - relu: {{name: r{i}}}' + chr(10))}"
        f"outputs: [{rows(size // 5, lambda i: f'r{i}', ', ')}]\n"
    ),
    "unknown outputs": lambda size: (
        f"{HEAD}{FLAT}layers: [relu]\noutputs: [{rows(size, lambda i: f'relu_{i}', ', ')}]\n"
    ),
    "one output again and again": lambda size: (
        f"{HEAD}{FLAT}layers: [relu]\noutputs: [{rows(size, lambda i: 'relu', ', ')}]\n"
    ),
    "unknown sections": lambda size: f"{HEAD}{FLAT}layers: [relu]\n{rows(size, lambda i: f'layer{i}: 3' + chr(10))}",
    "empty sections": lambda size: f"{HEAD}{FLAT}layers: [relu]\n{rows(size, lambda i: f'layer{i}:' + chr(10))}",
    "unknown keys of train": lambda size: (
        f"{HEAD}{FLAT}layers: [relu]\ntrain:\n  data: {{npz: d.npz}}\n  loss: mse\n"
        f"{rows(size, lambda i: f'  epoch{i}: 3' + chr(10))}"
    ),
    "losses": lambda size: (
        f"{HEAD}{FLAT}layers: [relu]\ntrain:\n  data: {{npz: d.npz}}\n  epochs: 1\n  loss:\n"
        f"{rows(size, lambda i: f'    relu{i}: mse' + chr(10))}"
    ),
    "metrics": lambda size: (
        f"{HEAD}{FLAT}layers: [relu]\ntrain:\n  data: {{npz: d.npz}}\n  epochs: 1\n  loss: mse\n"
        f"  metrics: [{rows(size, lambda i: 'mse', ', ')}]\n"
    ),
    "unknown metrics": lambda size: (
        f"{HEAD}{FLAT}layers: [relu]\ntrain:\n  data: {{npz: d.npz}}\n  epochs: 1\n  loss: mse\n"
        f"  metrics: [{rows(size, lambda i: f'msee{i}', ', ')}]\n"
    ),
    "class weights": lambda size: (
        f"{HEAD}{FLAT}layers: [relu]\ntrain:\n  data: {{npz: d.npz}}\n  epochs: 1\n  loss: mse\n  class_weight:\n"
        f"{rows(size, lambda i: f'    {chr(39)}{i}{chr(39)}: 1' + chr(10))}"
    ),
    "classes": lambda size: (
        f"{HEAD}{FLAT}layers: [relu]\ntrain:\n  data: {{npz: d.npz}}\n  epochs: 1\n  loss: mse\n"
        f"classes: [{rows(size, lambda i: f'class{i}', ', ')}]\n"
    ),
    "arrays of npy": lambda size: (
        f"{HEAD}{FLAT}layers: [relu]\ntrain:\n  epochs: 1\n  loss: mse\n  data:\n    npy:\n      y: y.npy\n      x:\n"
        f"{rows(size, lambda i: f'        relu{i}: f.npy' + chr(10))}"
    ),
    "regions of memory": lambda size: (
        f"{HEAD}{FLAT}layers: [relu]\ntarget:\n  core: cortex-m4\n  memory:\n"
        f"{rows(size, lambda i: f'    - {{name: r{i}, size: 1KiB}}' + chr(10))}"
    ),
    # ----------------------------------------------------------------- faults of layers, again and again
    "unknown types": layer("relluINDEX"),
    "one unknown type": layer("rellu"),
    "unknown keys": layer("dense: {units: 3, unitsINDEX: 3}", HEAD + FLAT),
    "unknown keys of one layer": lambda size: (
        f"{HEAD}{FLAT}layers:\n  - dense:\n      units: 3\n{rows(size, lambda i: f'      unit{i}: 3' + chr(10))}"
    ),
    "wrong values": layer("dense: {units: -3}", HEAD + FLAT),
    "wrong types of values": layer("dense: {units: many}", HEAD + FLAT),
    "missing keys": layer("dense", HEAD + FLAT),
    "wrong forms": layer("[a]", HEAD + FLAT),
    "numbers as layers": layer("7", HEAD + FLAT),
    "layers of two keys": layer("{dense: 3, units: 3}", HEAD + FLAT),
    "one layer of many keys": lambda size: (
        f"{HEAD}{FLAT}layers:\n  - dense: 3\n{rows(size, lambda i: f'    unit{i}: 3' + chr(10))}"
    ),
    "near misses of from": lambda size: (
        f"{HEAD}{FLAT}layers:\n{rows(size, lambda i: f'  - relu: {{name: layer_{i}, from: layr_{i - 1}}}' + chr(10))}"
    ),
    "near misses of from in a block": lambda size: (
        f"{HEAD}{FLAT}blocks:\n  b:\n    layers:\n"
        f"{rows(size, lambda i: f'      - relu: {{name: layer_{i}, from: layr_{i - 1}}}' + chr(10))}layers: [b]\n"
    ),
    "one long from": lambda size: (
        f"{HEAD}{FLAT}layers:\n  - relu\n  - add: {{from: [{rows(size, lambda i: 'relu', ', ')}]}}\n"
    ),
    "one long from of a relu": lambda size: (
        f"{HEAD}{FLAT}layers:\n  - relu\n  - tanh: {{from: [{rows(size, lambda i: 'relu', ', ')}]}}\n"
    ),
    "one long from of nothing": lambda size: (
        f"{HEAD}{FLAT}layers:\n  - relu\n  - add: {{from: [{rows(size, lambda i: f'relu{i}', ', ')}]}}\n"
    ),
    "two long froms": lambda size: (
        f"{HEAD}{FLAT}layers:\n  - relu\n  - add: {{from: [{rows(size // 2, lambda i: 'relu', ', ')}]}}\n"
        f"  - concatenate: {{from: [{rows(size // 2, lambda i: 'add', ', ')}]}}\n{TARGET}"
    ),
    "circles": lambda size: (
        f"{HEAD}{FLAT}layers:\n"
        + rows(size, lambda i: f"  - relu: {{name: a{i}, from: b{i}}}\n  - relu: {{name: b{i}, from: a{i}}}\n")
    ),
    "one circle": lambda size: (
        f"{HEAD}{FLAT}layers:\n{rows(size, lambda i: f'  - relu: {{name: a{i}, from: a{i + 1}}}' + chr(10))}"
        "  - relu: {name: last, from: a0}\n"
    ),
    "one name": layer("relu: {name: same}", HEAD + FLAT),
    "numbered names taken": lambda size: layers(size, lambda i: f"  - tanh: {{name: relu_{i}}}\n  - relu\n"),
    "wrong shapes": layer("conv2d: {filters: 3, kernel_size: 99}", HEAD + INPUT),
    "wrong merges": layer("add: {from: [x, y]}", HEAD + "inputs: {x: {shape: [8]}, y: {shape: [7]}}\n"),
    "unsupported layers": layer("elu: {alpha: 0.5}", tail=TARGET),
    "lint": layer("conv2d: {filters: 4, kernel_size: 2, padding: same}"),
    "lint of norms": layer("batch_normalization"),
    "misspelt keys": layer("dense: {Units: 3}", HEAD + FLAT),
    "misspelt values": layer("conv2d: {filters: 3, kernel_size: 1, padding: SAME}"),
    "misspelt types": layer("Dense: {units: 3}", HEAD + FLAT),
    "wrapped faults": layer("bidirectional: {layer: {gru: {unit: 4}}}", HEAD + "inputs: {x: {shape: [8, 4]}}\n"),
    "wrappers in wrappers": small(f"{HEAD}{FLAT}layers:\n  - {'{time_distributed: {layer: ' * 40}relu{'}}' * 40}\n"),
    # ----------------------------------------------------------------- comments and text
    "ignores": lambda size: (
        f"{HEAD}{FLAT}layers:\n{rows(size, lambda i: '  - relu # netspec: ignore[double-activation]' + chr(10))}"
    ),
    "one long ignore": lambda size: (
        f"{HEAD}{FLAT}layers:\n  - relu # netspec: ignore[{rows(size, lambda i: f'rule{i}', ', ')}]\n"
    ),
    "one long word to ignore": lambda size: f"{HEAD}{FLAT}layers:\n  - relu # netspec: ignore[{'x' * size}]\n",
    "one long ignore that is open": lambda size: (
        f"{HEAD}{FLAT}layers:\n  - relu # netspec: ignor[{rows(size, lambda i: f'rule{i}', ', ')}\n"
    ),
    "ignores over comments": lambda size: (
        f"{HEAD}{FLAT}{rows(size, lambda i: '# netspec: ignore[double-activation]' + chr(10))}layers: [relu]\n"
    ),
    "ignores of the file": lambda size: (
        f"{HEAD}{FLAT}{rows(size, lambda i: '# netspec: ignore-file[double-activation]' + chr(10))}layers: [relu]\n"
    ),
    "hashes": lambda size: f"{HEAD}{FLAT}layers: [relu]\n# netspec: ignore{'#' * size}\n",
    "blanks after netspec": lambda size: (
        f"{HEAD}{FLAT}layers: [relu]\n#{' ' * (size // 2)}netspec:{' ' * (size // 2)}\n"
    ),
    "comments": lambda size: f"{HEAD}{FLAT}layers: [relu]\n{rows(size, lambda i: '# a comment' + chr(10))}",
    "blank lines": lambda size: f"{HEAD}{FLAT}layers: [relu]\n{chr(10) * size}",
    "blanks": lambda size: f"{HEAD}{FLAT}layers: [relu]{' ' * size}\n",
    "control characters": lambda size: "\x01" * size,
    "control characters on lines": lambda size: "\x01\n" * (size // 2),
    "control characters in escapes": lambda size: (
        f"{HEAD}{FLAT}layers: [{rows(size, lambda i: chr(34) + chr(92) + 'x01' + chr(34), ',')}]\n"
    ),
    "byte order marks": lambda size: "\ufeff" * (size // 3),
    "zero bytes": lambda size: "\0" * size,
    "wide characters": lambda size: f"{HEAD}{FLAT}layers:\n  - {'長' * (size // 3)}\n",
    "marks without width": lambda size: f"{HEAD}{FLAT}layers:\n  - a{chr(0x301) * (size // 2)}\n",
    "one long type": lambda size: f"{HEAD}{FLAT}layers:\n  - {'x' * size}\n",
    "one long key": lambda size: f"{HEAD}{FLAT}layers:\n  - dense: {{'{'x' * size}': 3}}\n",
    "one long section": lambda size: f"{HEAD}{FLAT}layers: [relu]\n? {'x' * size}\n: 3\n",
    "one long name": lambda size: f"{HEAD}{FLAT}layers:\n  - dense: {{name: {'x' * size}, units: 3}}\n",
    "one long name that is none": lambda size: (
        f"{HEAD}{FLAT}layers:\n  - dense: {{name: '{'x ' * (size // 2)}', units: 3}}\n"
    ),
    "one long from name": lambda size: f"{HEAD}{FLAT}layers:\n  - dense: {{from: {'x' * size}, units: 3}}\n",
    "one long value": lambda size: f"{HEAD}{FLAT}layers:\n  - dense: {{units: {'x' * size}}}\n",
    "one long choice": lambda size: (
        f"{HEAD}{INPUT}layers:\n  - conv2d: {{filters: 3, kernel_size: 1, padding: {'x' * size}}}\n"
    ),
    "one long number": lambda size: f"{HEAD}{FLAT}layers:\n  - dense: {{units: {'1' * size}}}\n",
    "one long input": lambda size: f"{HEAD}inputs:\n  ? {'x' * size}\n  : {{shape: [3]}}\nlayers: [relu]\n",
    "one long output": lambda size: f"{HEAD}{FLAT}layers: [relu]\noutputs: [{'x' * size}]\n",
    "one long net name": lambda size: f"netspec: 1\nname: {'x' * size}\n{FLAT}layers: [relu]\n",
    "one long variable": lambda size: f"{HEAD}{FLAT}vars:\n  ? {'x' * size}\n  : 3\nlayers: [relu]\n",
    "one long block": lambda size: f"{HEAD}{FLAT}blocks:\n  ? {'x' * size}\n  : {{layers: [relu]}}\nlayers: [relu]\n",
    "one long unknown variable": lambda size: f"{HEAD}{FLAT}layers: [{{dense: {{units: ${'x' * size}}}}}]\n",
    "one long loss": lambda size: (
        f"{HEAD}{FLAT}layers: [relu]\ntrain: {{data: {{npz: d.npz}}, epochs: 1, loss: {'x' * size}}}\n"
    ),
    "one long file": lambda size: (
        f"{HEAD}{FLAT}layers: [relu]\ntrain: {{data: {{npz: {'x' * size}}}, epochs: 1, loss: mse}}\n"
    ),
    "one long core": lambda size: f"{HEAD}{FLAT}layers: [relu]\ntarget: {{core: {'x' * size}}}\n",
    "one long size": lambda size: (
        f"{HEAD}{FLAT}layers: [relu]\ntarget: {{core: cortex-m4, budget: {{ram: {'1' * size}k}}}}\n"
    ),
    "one long description": lambda size: f"{HEAD}{FLAT}layers: [relu]\ndescription: {'x' * size}\n",
    "long names": layer(f"relu: {{name: {'x' * 190}INDEX}}"),
    "long types": layer(f"{'x' * 90}INDEX"),
    # ----------------------------------------------------------------- YAML
    "layers on one line": lambda size: f"{HEAD}{FLAT}layers: [{rows(size, lambda i: 'relu', ',')}]\n",
    "wrong layers on one line": lambda size: f"{HEAD}{FLAT}layers: [{rows(size, lambda i: 'rell', ',')}]\n",
    "commas": lambda size: f"{HEAD}{FLAT}layers: [{rows(size, lambda i: 'a', ',')}]\n",
    "empty lists": lambda size: f"{HEAD}{FLAT}layers: [{rows(size, lambda i: '[]', ',')}]\n",
    "pairs": lambda size: f"{HEAD}{FLAT}layers: [{rows(size, lambda i: 'a: b', ',')}]\n",
    "questions": lambda size: "? " * (size // 2),
    "brackets": lambda size: "[" * size,
    "closing brackets": lambda size: "]" * size,
    "dashes": lambda size: "- " * (size // 2),
    "anchors": lambda size: f"{HEAD}{FLAT}layers: [{rows(size, lambda i: f'&a{i} relu', ', ')}]\n",
    "aliases": lambda size: f"{HEAD}{FLAT}layers: [&a relu, {rows(size, lambda i: '*a', ',')}]\n",
    "aliases of a long list": lambda size: (
        f"{HEAD}inputs: {{x: {{shape: &a [{rows(size // 2, lambda i: '1', ',')}]}}}}\n"
        "layers: [{reshape: {target_shape: *a}}, {reshape: {target_shape: *a}}]\n"
    ),
    "unknown aliases": lambda size: f"{HEAD}{FLAT}layers: [{rows(size, lambda i: f'*alias{i}', ', ')}]\n",
    "one long alias": lambda size: f"{HEAD}{FLAT}layers: [*{'x' * size}]\n",
    "near misses of anchors": lambda size: (
        f"{HEAD}{FLAT}layers: [{rows(size // 2, lambda i: f'&anchor{i} a', ', ')}, "
        f"{rows(size // 2, lambda i: f'*ancor{i}', ', ')}]\n"
    ),
    "anchors of nothing": lambda size: "a: " + "&x " * (size // 3),
    "merge keys": lambda size: (
        f"{HEAD}{FLAT}x: &a {{{rows(size // 2, lambda i: f'k{i}: 1', ', ')}}}\n"
        f"y: {{<<: [{rows(size // 2, lambda i: '*a', ',')}]}}\nlayers: [relu]\n"
    ),
    "laughs": small(
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(9))
    ),
    "tags": lambda size: f"{HEAD}{FLAT}layers: [{rows(size, lambda i: '!t relu', ',')}]\n",
    "one long tag": lambda size: f"{HEAD}{FLAT}layers: [!{'t' * size} relu]\n",
    "repeated keys": lambda size: f"{HEAD}{FLAT}layers: [relu]\n{rows(size, lambda i: 'layers: [relu]' + chr(10))}",
    "documents": lambda size: rows(size, lambda i: "---\na: 1\n"),
    "open quote": lambda size: f"{HEAD}{FLAT}description: '{'x' * size}\n",
    "open quote on lines": lambda size: f"{HEAD}{FLAT}description: '{rows(size, lambda i: 'x' + chr(10))}\n",
    "colons": lambda size: f"{HEAD}{FLAT}layers: [relu]\na{': a' * (size // 3)}\n",
    "key without a colon": lambda size: f"{HEAD}{FLAT}layers: [relu]\n{'x' * size}\n",
    "key without a colon, on lines": lambda size: (
        f"{HEAD}{FLAT}layers: [relu]\n{rows(size, lambda i: 'x' + chr(10))}a: 1\n"
    ),
    "missing spaces": lambda size: f"{HEAD}{FLAT}layers: [relu]\n{rows(size, lambda i: f'a{i}:3' + chr(10))}b: 1\n",
    "keys without space": lambda size: f"{HEAD}{FLAT}layers: [{{{rows(size, lambda i: f'a{i}:3', ', ')}}}]\n",
    "one long key without space": lambda size: f"{HEAD}{FLAT}layers: [{{? '{'a' * size}:3' : 3}}]\n",
    "tabs": lambda size: f"{HEAD}{FLAT}layers:\n{rows(size, lambda i: chr(9) + '- relu' + chr(10))}",
    "tabs on one line": lambda size: f"{HEAD}{FLAT}layers:\n{chr(9) * size}- relu\n",
    "outdents": lambda size: f"{HEAD}{FLAT}layers:\n{rows(size, lambda i: ' ' * (i % 50 + 1) + '- relu' + chr(10))}",
    "block text": lambda size: (
        f"{HEAD}{FLAT}layers: [relu]\ndescription: |\n{rows(size, lambda i: '  text' + chr(10))}"
    ),
    "carriage returns": lambda size: f"{HEAD}{FLAT}layers: [relu]\n{chr(13) * size}",
    "lists as keys": lambda size: f"{HEAD}{FLAT}layers: [{rows(size, lambda i: '{[a]: 1}', ',')}]\n",
    "numbers as keys": lambda size: f"{HEAD}{FLAT}layers: [{rows(size, lambda i: f'{{{i}: 1}}', ',')}]\n",
    "leading zeros": lambda size: f"{HEAD}{FLAT}layers: [{rows(size, lambda i: '01', ',')}]\n",
    "long integers": lambda size: f"{HEAD}{FLAT}layers: [{rows(size, lambda i: '9' * 30, ',')}]\n",
    "escapes": lambda size: f'{HEAD}{FLAT}description: "{rows(size, lambda i: chr(92) + "x41")}"\nlayers: [relu]\n',
    "percent lines": lambda size: rows(size, lambda i: "%TAG ! tag:a,2000:\n"),
    "nested deep": lambda size: f"{HEAD}{FLAT}layers: {'[' * 95}{rows(size, lambda i: 'a', ',')}{']' * 95}\n",
    "nested often": lambda size: f"{HEAD}{FLAT}layers: [{rows(size, lambda i: '[' * 90 + ']' * 90, ',')}]\n",
}


def texts(size: int) -> Iterable[tuple[str, str]]:
    """Yield the name and the text of each spec, at most about `size` bytes of UTF-8."""
    for name, make in SPECS.items():
        yield name, make(size)


@dataclass(frozen=True, slots=True)
class Command:
    """The words of a command, among them the names of the specs that it reads."""

    words: tuple[str, ...]
    specs: Mapping[str, Make]

    def written(self, size: int, folder: Path) -> list[str]:
        """Write the specs, of at most about `size` bytes each, and return the words that read them."""
        for name, make in self.specs.items():
            (folder / name).write_bytes(make(size).encode())
        return [str(folder / word) if word in self.specs else word for word in self.words]


def counted(text: str, head: str = HEAD + FLAT, tail: str = "") -> Make:
    """Return a maker of one kind of layer, as often as a spec may have one; INDEX and DIGIT in it are numbers."""

    def make(size: int) -> str:
        count = min(size // (len(text) + 10), 10_000)
        found = (text.replace("INDEX", str(i)).replace("DIGIT", str(i % 7 + 1)) for i in range(count))
        return f"{head}layers:\n{''.join(f'  - {each}{chr(10)}' for each in found)}{tail}"

    return make


_DENSE = counted("dense: {units: DIGIT}")
_NAMED = counted("dense: {name: layer_INDEX, units: DIGIT}", tail=TARGET)

COMMANDS = {
    "diff of one spec": Command(("diff", "a", "b"), {"a": _DENSE, "b": _DENSE}),
    "diff of other values": Command(("diff", "a", "b"), {"a": _DENSE, "b": counted("dense: {units: 8}")}),
    "diff of other values on a device": Command(
        ("diff", "a", "b"), {"a": _NAMED, "b": counted("dense: {name: layer_INDEX, units: 8}", tail=TARGET)}
    ),
    "diff of other names": Command(
        ("diff", "a", "b"), {"a": _NAMED, "b": counted("dense: {name: other_INDEX, units: DIGIT}", tail=TARGET)}
    ),
    "diff of other types": Command(("diff", "a", "b"), {"a": _DENSE, "b": counted("relu")}),
    "diff of branches": Command(
        ("diff", "a", "b"), {"a": lambda size: added_branches(size, ""), "b": lambda size: added_branches(size, TARGET)}
    ),
    "show": Command(("show", "a"), {"a": _DENSE}),
    "show on a device": Command(("show", "a"), {"a": _NAMED}),
    "show of branches": Command(("show", "a"), {"a": lambda size: added_branches(size, TARGET)}),
    "show of branches in two memories": Command(
        ("show", "a"), {"a": lambda size: added_branches(size, TWO_MEMORIES.replace("1000", "9999999"))}
    ),
    "show as JSON": Command(("show", "--format", "json", "a"), {"a": _NAMED}),
    "explain": Command(("explain", "a"), {"a": _DENSE}),
    "explain with a target": Command(("explain", "a"), {"a": _NAMED}),
    "explain of branches": Command(("explain", "a"), {"a": lambda size: added_branches(size, TARGET)}),
    "explain of one of many branches": Command(
        ("explain", "a", "c9"), {"a": lambda size: added_branches(size, TARGET)}
    ),
    "fix of types": Command(("check", "--fix", "a"), {"a": counted("Dense: {units: DIGIT}")}),
    "fix of keys": Command(("check", "--fix", "a"), {"a": counted("dense: {unit: DIGIT}")}),
    "fix of types and keys": Command(("check", "--fix", "a"), {"a": counted("Dense: {unit: DIGIT}")}),
    "fix of values": Command(("check", "--fix", "a"), {"a": counted("dense: {units: DIGIT, activation: RELU}")}),
    "fix of inputs": Command(
        ("check", "--fix", "a"),
        {
            "a": lambda size: (
                f"{HEAD}inputs:\n{rows(size, lambda i: f'  x{i}: {{Shape: [3]}}{chr(10)}')}layers: [relu]\n"
            )
        },
    ),
}
