"""Custom layers and activations, registered with Keras under "mlzoo".

Importing this package imports them all, so that Keras can deserialize saved models.
"""

from mlzoo.layers import (
    activations,
    adapting,
    attention_decoder,
    cumulative,
    decoding,
    fourier,
    groups,
    members,
    nearest_features,
    numbers,
    padding,
    polynomial,
    predictive,
    pretrained,
    quantum,
    recurrent,
    scaling,
    spectral,
    steps,
    upsampling,
    whitening,
    windows,
)

__all__ = [
    "activations",
    "adapting",
    "attention_decoder",
    "cumulative",
    "decoding",
    "fourier",
    "groups",
    "members",
    "nearest_features",
    "numbers",
    "padding",
    "polynomial",
    "predictive",
    "pretrained",
    "quantum",
    "recurrent",
    "scaling",
    "spectral",
    "steps",
    "upsampling",
    "whitening",
    "windows",
]
