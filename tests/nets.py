"""Random small networks as specs, drawn by hypothesis: every layer that the device runs, with branches and merges."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml
from hypothesis import strategies as st

Shape = tuple[int, ...]
_ACTIVATIONS = [None, None, "relu", "relu6", "sigmoid", "tanh"]


@dataclass
class _Net:
    """A spec in the making: layers so far, and the shape of each that can be read."""

    draw: Any
    layers: list[dict[str, Any]] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)

    def pick(self, options: list[Any]) -> Any:
        return self.draw(st.sampled_from(options))

    def integer(self, least: int, greatest: int) -> int:
        return int(self.draw(st.integers(least, greatest)))

    def add(self, kind: str, source: str | list[str], shape: Shape, **keys: Any) -> str:
        name = f"n{len(self.layers)}_{kind}"
        self.layers.append({kind: {"name": name, "from": source, **keys}})
        self.shapes[name] = shape
        return name


@st.composite
def device_nets(draw: Any, max_layers: int = 8) -> str:
    """Draw a spec that checks, and that the device can run."""
    net = _Net(draw)
    rank = net.pick([1, 2, 3, 3])
    shape = {
        1: lambda: (net.integer(1, 24),),
        2: lambda: (net.integer(4, 20), net.integer(1, 6)),
        3: lambda: (net.integer(4, 12), net.integer(4, 12), net.integer(1, 4)),
    }[rank]()
    inputs = {"x": shape}
    net.shapes["x"] = shape
    here = "x"
    if net.integer(0, 3) == 0:
        here = net.add("rescaling", here, shape, scale=net.pick([0.5, 0.0625, 2.0]), offset=net.pick([0.0, -1.0, 0.25]))
    if net.integer(0, 4) == 0:
        inputs["y"] = shape
        net.shapes["y"] = shape
        here = net.add("add", [here, "y"], shape)
    for _ in range(net.integer(1, max_layers)):
        here = _step(net, here)
    outputs = [here]
    if net.integer(0, 3) == 0 and net.shapes[here][-1] < 512:
        here = net.add("softmax", here, net.shapes[here])
        outputs = [here]
    others = [name for name in net.shapes if name not in inputs and name not in outputs]
    if others and net.integer(0, 4) == 0:
        outputs.append(net.pick(others))
    spec = {
        "netspec": 1,
        "name": "random_net",
        "inputs": {name: {"shape": list(shape)} for name, shape in inputs.items()},
        "layers": net.layers,
        "outputs": outputs,
    }
    return str(yaml.safe_dump(spec, sort_keys=False))


def _step(net: _Net, here: str) -> str:
    rank = len(net.shapes[here])
    common = [_dense, _batch_norm, _relu, _squash, _dropout, _residual, _joined, _reshaped]
    if rank == 2:
        return str(net.pick([*common, _convolved, _convolved, _pooled, _padded, _global])(net, here))
    if rank == 3:
        return str(net.pick([*common, _convolved, _convolved, _depthwise, _pooled, _padded, _global])(net, here))
    return str(net.pick(common)(net, here))


def _dense(net: _Net, here: str) -> str:
    units = net.integer(1, 12)
    keys = {"units": units, "use_bias": net.pick([True, False]), "activation": net.pick(_ACTIVATIONS)}
    return net.add("dense", here, (*net.shapes[here][:-1], units), **keys)


def _batch_norm(net: _Net, here: str) -> str:
    return net.add("batch_normalization", here, net.shapes[here], scale=net.pick([True, False]))


def _relu(net: _Net, here: str) -> str:
    return net.add("relu", here, net.shapes[here], max_value=net.pick([None, 6.0, 1.0, 0.5]))


def _squash(net: _Net, here: str) -> str:
    return net.add(net.pick(["sigmoid", "tanh"]), here, net.shapes[here])


def _dropout(net: _Net, here: str) -> str:
    return net.add("dropout", here, net.shapes[here], rate=0.25)


def _reshaped(net: _Net, here: str) -> str:
    shape = net.shapes[here]
    size = 1
    for each in shape:
        size *= each
    if net.integer(0, 1):
        return net.add("flatten", here, (size,))
    targets: list[Shape] = [(size, 1), (1, size), (1, 1, size)] + [(d, size // d) for d in (2, 3, 4) if size % d == 0]
    target = net.pick(targets)
    return net.add("reshape", here, target, target_shape=list(target))


def _window(net: _Net, shape: Shape) -> tuple[dict[str, Any], Shape]:
    """Draw kernel size, strides, dilation and padding for the spatial axes, and the sizes that come out."""
    rank = len(shape) - 1
    padding: Any = net.pick(["same", "valid", "explicit"])
    stride, dilation = net.pick([(1, 1), (2, 1), (3, 1), (1, 2)])
    kernel, amounts, sizes = [], [], []
    for length in shape[:-1]:
        before, after = (net.integer(0, 2), net.integer(0, 2)) if padding == "explicit" else (0, 0)
        most = length if padding == "same" else (length + before + after - 1) // dilation + 1
        size = net.integer(1, min(4, most))
        room = length + before + after - ((size - 1) * dilation + 1)
        kernel.append(size)
        amounts.append([before, after])
        sizes.append(-(-length // stride) if padding == "same" else room // stride + 1)
    keys: dict[str, Any] = {"kernel_size": kernel, "strides": [stride] * rank, "dilation_rate": [dilation] * rank}
    keys["padding"] = amounts if padding == "explicit" else padding
    return keys, tuple(sizes)


def _convolved(net: _Net, here: str) -> str:
    shape = net.shapes[here]
    rank = len(shape) - 1
    keys, sizes = _window(net, shape)
    filters = net.integer(1, 8)
    keys |= {"filters": filters, "use_bias": net.pick([True, False]), "activation": net.pick(_ACTIVATIONS)}
    kind = net.pick(["conv", "conv", "separable_conv"])
    if kind == "separable_conv":
        keys["depth_multiplier"] = net.integer(1, 2)
    elif rank == 1 and net.integer(0, 3) == 0:
        keys["padding"] = "causal"
        sizes = (-(-shape[0] // keys["strides"][0]),)
    return net.add(f"{kind}{rank}d", here, (*sizes, filters), **keys)


def _depthwise(net: _Net, here: str) -> str:
    keys, sizes = _window(net, net.shapes[here])
    multiplier = net.integer(1, 3)
    keys |= {"depth_multiplier": multiplier, "use_bias": net.pick([True, False]), "activation": net.pick(_ACTIVATIONS)}
    return net.add("depthwise_conv2d", here, (*sizes, net.shapes[here][-1] * multiplier), **keys)


def _pooled(net: _Net, here: str) -> str:
    shape = net.shapes[here]
    rank = len(shape) - 1
    padding = net.pick(["same", "valid"])
    stride = net.integer(1, 3)
    pool = [net.integer(1, min(3, length)) for length in shape[:-1]]
    sizes = [
        -(-length // stride) if padding == "same" else (length - size) // stride + 1
        for length, size in zip(shape[:-1], pool, strict=True)
    ]
    kind = net.pick(["max_pooling", "average_pooling"])
    return net.add(
        f"{kind}{rank}d", here, (*sizes, shape[-1]), pool_size=pool, strides=[stride] * rank, padding=padding
    )


def _padded(net: _Net, here: str) -> str:
    shape = net.shapes[here]
    rank = len(shape) - 1
    pairs = [[net.integer(0, 2), net.integer(0, 2)] for _ in range(rank)]
    grown = [length + sum(pair) for length, pair in zip(shape[:-1], pairs, strict=True)]
    return net.add(f"zero_padding{rank}d", here, (*grown, shape[-1]), padding=pairs if rank > 1 else pairs[0])


def _global(net: _Net, here: str) -> str:
    shape = net.shapes[here]
    rank = len(shape) - 1
    keep = net.pick([True, False])
    kind = net.pick(["global_average_pooling", "global_max_pooling"])
    return net.add(f"{kind}{rank}d", here, (*([1] * rank if keep else []), shape[-1]), keepdims=keep)


def _residual(net: _Net, here: str) -> str:
    """A way around: batch norm or activation beside the straight way, then a sum of two or three."""
    shape = net.shapes[here]
    ways = [here] + [net.pick([_batch_norm, _relu, _squash])(net, here) for _ in range(net.integer(1, 2))]
    return net.add("add", ways, shape)


def _joined(net: _Net, here: str) -> str:
    """Ways side by side, joined on an axis."""
    shape = net.shapes[here]
    ways = [net.pick([_batch_norm, _relu, _squash, _dense])(net, here) for _ in range(net.integer(1, 2))]
    ways = [here, *(way for way in ways if net.shapes[way][:-1] == shape[:-1])]
    if len(ways) < 2:
        return here
    same = all(net.shapes[way] == shape for way in ways)
    axis = net.integer(1, len(shape)) if same else len(shape)
    total = sum(net.shapes[way][axis - 1] for way in ways)
    return net.add("concatenate", ways, (*shape[: axis - 1], total, *shape[axis:]), axis=axis)
