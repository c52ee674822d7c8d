"""Custom layers, activations and losses, registered with Keras under "mlzoo".

Importing this package imports them all, so that Keras can deserialise saved models.
"""

from mlzoo.layers import activations, losses, pixel_losses, polynomial, scaling

__all__ = ["activations", "losses", "pixel_losses", "polynomial", "scaling"]
