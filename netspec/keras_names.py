"""Names of losses, metrics and optimizers that Keras 3 knows by string: check refuses a typo without importing Keras.

A test compares these lists with the installed Keras.
"""

from __future__ import annotations

LOSSES = (
    "binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy", "categorical_focal_crossentropy",
    "categorical_hinge", "cosine_similarity", "hinge", "huber", "kl_divergence", "log_cosh", "mean_absolute_error",
    "mean_absolute_percentage_error", "mean_squared_error", "mean_squared_logarithmic_error", "mae", "mape", "mse",
    "msle", "poisson", "sparse_categorical_crossentropy", "squared_hinge", "dice", "tversky",
)  # fmt: skip
METRICS = (
    "accuracy", "acc", "auc", "binary_accuracy", "binary_crossentropy", "binary_io_u", "categorical_accuracy",
    "categorical_crossentropy", "categorical_hinge", "cosine_similarity", "false_negatives", "false_positives",
    "hinge", "kl_divergence", "log_cosh_error", "mean_absolute_error", "mean_absolute_percentage_error",
    "mean_squared_error", "mean_squared_logarithmic_error", "mae", "mape", "mse", "msle", "poisson", "precision",
    "r2_score", "recall", "root_mean_squared_error", "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy", "sparse_top_k_categorical_accuracy", "squared_hinge",
    "top_k_categorical_accuracy", "true_negatives", "true_positives",
)  # fmt: skip
OPTIMIZERS = ("adadelta", "adafactor", "adagrad", "adam", "adamax", "adamw", "ftrl", "lamb", "lion", "loss_scale_optimizer",
              "muon", "nadam", "rmsprop", "sgd")  # fmt: skip
