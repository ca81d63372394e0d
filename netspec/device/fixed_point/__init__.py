"""Fixed-point arithmetic of the int8 contract: multipliers, kernel parameters, activation tables.

Imported at check time, therefore pure Python. Numbers come from TensorFlow Lite Micro, which is what emitted
firmware must equal with tolerance 0.
"""

from netspec.device.fixed_point.arithmetic import (
    INT8_MAX,
    INT8_MIN,
    INT32_MAX,
    INT32_MIN,
    clamp_int8,
    doubling_high_multiply,
    float32,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    round_half_away,
    rounding_shift_right,
    scale32,
)
from netspec.device.fixed_point.parameters import (
    Activation,
    AddParameters,
    SigmoidParameters,
    SoftmaxParameters,
    activation_clamp,
    add_parameters,
    bias_scale,
    conv_multipliers,
    dense_multiplier,
    mean_parameters,
    relu_multiplier,
    requantize_multiplier,
    sigmoid_parameters,
    softmax_parameters,
)
from netspec.device.fixed_point.tables import (
    logistic_table,
    relu6_table,
    relu_table,
    requantize_table,
    softmax_exponentials,
    tanh_table,
)

__all__ = [
    "INT8_MAX",
    "INT8_MIN",
    "INT32_MAX",
    "INT32_MIN",
    "Activation",
    "AddParameters",
    "SigmoidParameters",
    "SoftmaxParameters",
    "activation_clamp",
    "add_parameters",
    "bias_scale",
    "clamp_int8",
    "conv_multipliers",
    "dense_multiplier",
    "doubling_high_multiply",
    "float32",
    "logistic_table",
    "mean_parameters",
    "multiply_by_quantized_multiplier",
    "quantize_multiplier",
    "relu6_table",
    "relu_multiplier",
    "relu_table",
    "requantize_multiplier",
    "requantize_table",
    "round_half_away",
    "rounding_shift_right",
    "scale32",
    "sigmoid_parameters",
    "softmax_exponentials",
    "softmax_parameters",
    "tanh_table",
]
