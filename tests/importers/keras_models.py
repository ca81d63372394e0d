"""What the tests of Keras import share: the rebuilt model's outputs, and Keras files written by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.graph import Graph
from netspec.importers.imported import import_model
from netspec.importers.result import graph_of
from netspec.train.weights import read_weights


def imported_graph(path: Path, folder: Path) -> tuple[Graph, dict[tuple[str, str], NDArray[np.float32]]]:
    """Return the graph of an import and its weights, read back from the file that the spec names."""
    found = import_model(path)
    graph = graph_of(found.text)
    weights = folder / found.weights_name
    weights.write_bytes(found.weights)
    return graph, read_weights(weights, graph)


def rebuilt_outputs(path: Path, folder: Path, inputs: Any) -> Any:
    """Return what the Keras model of an imported spec computes with the imported weights."""
    from netspec.train.model import build_model
    from netspec.train.weights import set_weights

    graph, weights = imported_graph(path, folder)
    model = build_model(graph)
    set_weights(model, weights)
    return model.predict(inputs, verbose=0)


def layer(class_name: str, name: str, reads: str | list[str] | None = None, **config: Any) -> dict[str, Any]:
    """Return a layer's config as Keras 2 writes it."""
    names = [reads] if isinstance(reads, str) else reads or []
    nodes = [[[source, 0, 0, {}] for source in names]] if names else []
    return {"class_name": class_name, "name": name, "config": {"name": name, **config}, "inbound_nodes": nodes}


def functional(layers: list[dict[str, Any]], inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    """Return a model's config as Keras 2 writes it."""
    config = {
        "name": "model",
        "layers": layers,
        "input_layers": [[name, 0, 0] for name in inputs],
        "output_layers": [[name, 0, 0] for name in outputs],
    }
    return {"class_name": "Functional", "config": config}


def config_of(graph: Graph, names: Mapping[str, str] | None = None) -> bytes:
    """Return a graph as the config of a Keras model, as JSON; `names` are other names for some of its layers.

    Layers that Keras would make several of, such as a padded convolution, are not for this.
    """
    called = {each.name: (names or {}).get(each.name, each.name) for each in graph.layers} | {
        n: n for n in graph.inputs
    }
    layers = [layer("InputLayer", name, batch_input_shape=[None, *shape]) for name, shape in graph.inputs.items()]
    for each in graph.layers:
        [call] = each.layer.keras(each.input_shapes)
        reads = [called[name] for name in each.inputs]
        layers.append(layer(call.class_name, called[each.name], reads, **call.config))
    config = functional(layers, list(graph.inputs), [called[name] for name in graph.outputs])
    config["config"]["name"] = graph.name
    return json.dumps(config).encode()


def keras_numbering(graph: Graph, first: int = 0) -> dict[str, str]:
    """Return the names that Keras gives the layers of a graph if nobody names them, counted from `first` on."""
    counts: dict[str, int] = {}
    found = {}
    for each in graph.layers:
        count = counts.get(each.type, first)
        counts[each.type] = count + 1
        found[each.name] = f"{each.type}_{count}" if count else each.type
    return found


def write_h5(path: Path, config: Mapping[str, Any], weights: Mapping[str, Mapping[str, NDArray[np.float32]]]) -> Path:
    """Write a legacy file; `weights` are the arrays of each outer layer by their paths, in order."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.4.0"
        file.attrs["model_config"] = json.dumps(config)
        groups = file.create_group("model_weights")
        for name, arrays in weights.items():
            group = groups.create_group(name)
            group.attrs["weight_names"] = [key.encode() for key in arrays]
            for key, array in arrays.items():
                group.create_dataset(key, data=array)
    return path
