"""embedding: a row of a table for each token id."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from netspec.keys.keys import Field
from netspec.layers._explanation import Explanation, PyTorch, axis_names, kept, product, sized
from netspec.layers._types import Constraint, Initializer, Regularizer, Size, keras_config
from netspec.layers.base import DeviceUnsupported, Integers, KerasCall, Layer, Weight
from netspec.ops import Op, Shape


class Embedding(Layer):
    """Replace ids of 0 to `input_dim` - 1 by vectors of `output_dim` numbers; numbers of other types are cut to ids.

    `mask_zero` hides steps of id 0 from the recurrent layers after, in training and in Keras' answer.
    """

    family: ClassVar[str] = "dense"
    type: ClassVar[str] = "embedding"
    integers: ClassVar[Integers] = "converted"
    input_dim: Size = Field(description="Number of ids: the largest plus 1.", examples=[1000])
    output_dim: Size = Field(description="Length of each id's vector.", examples=[16])
    mask_zero: bool = Field(False, description="Take id 0 for padding, which recurrent layers skip.")
    trainable: bool = Field(True, description="`false` freezes the layer's weights.")
    embeddings_initializer: Initializer = ("random_uniform", ())
    embeddings_regularizer: Regularizer = None
    embeddings_constraint: Constraint = None

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        return (*inputs[0], self.output_dim)

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        return (Weight("embeddings", (self.input_dim, self.output_dim)),)

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        *ids, last = axis_names(self.output_shape(inputs))
        size = self.output_dim
        return Explanation(
            shape=(*kept(inputs[0], ids), sized(last, "output_dim", size)),
            why_shape=(f"each id is replaced by its row of the table, {size:,} numbers on a new last axis",),
            parameters=(product("embeddings", {"input_dim": self.input_dim, "output_dim": size}),),
            why_parameters=(
                f"a row of {size:,} for each of {self.input_dim:,} ids, 0 to {self.input_dim - 1:,}, "
                "however many ids an input holds",
            ),
            pytorch=PyTorch((f"Embedding({self.input_dim}, {size})",)),
        )

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        keys = ("input_dim", "output_dim", "mask_zero", "trainable")
        config = {key: getattr(self, key) for key in keys}
        for key in ("embeddings_initializer", "embeddings_regularizer", "embeddings_constraint"):
            config[key] = keras_config(getattr(self, key))
        return (KerasCall("Embedding", config),)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        raise DeviceUnsupported(
            "netspec has no int8 kernel for embedding yet",
            help=f"look the {prod(inputs[0])} vectors up before, and give the net the shape "
            f"{list(self.output_shape(inputs))} as its input",
        )
