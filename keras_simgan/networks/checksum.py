"""Telling networks apart by their weights."""

import hashlib

import keras


def weights_checksum(network: keras.Model, about: str = "") -> str:
    """Returns the SHA-256 of a network's weights, which does not depend on how they are stored.

    Args:
        network: The network.
        about: What else is to count.
    """
    digest = hashlib.sha256(about.encode())
    for weight in network.get_weights():
        digest.update(f"{weight.shape}{weight.dtype}".encode())
        digest.update(weight.tobytes())
    return digest.hexdigest()
