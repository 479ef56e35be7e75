"""Architectures, as functional `keras.Model`s."""

from keras_simgan.networks.feature_network import FeatureNetwork
from keras_simgan.networks.gaze_estimator import GazeEstimator
from keras_simgan.networks.instance_encoder import InstanceEncoder
from keras_simgan.networks.local_enhancer import LocalEnhancer
from keras_simgan.networks.multi_scale_discriminator import MultiScaleDiscriminator
from keras_simgan.networks.patch_discriminator import PatchDiscriminator
from keras_simgan.networks.refiner import Refiner
from keras_simgan.networks.refiner_discriminator import RefinerDiscriminator
from keras_simgan.networks.resnet_generator import ResNetGenerator
from keras_simgan.networks.torch_weights import from_torch_state_dict
from keras_simgan.networks.unet_generator import UNetGenerator

__all__ = [
    "FeatureNetwork",
    "GazeEstimator",
    "InstanceEncoder",
    "LocalEnhancer",
    "MultiScaleDiscriminator",
    "PatchDiscriminator",
    "Refiner",
    "RefinerDiscriminator",
    "ResNetGenerator",
    "UNetGenerator",
    "from_torch_state_dict",
]
