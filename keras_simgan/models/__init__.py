"""The GANs: one file per paper, and the game they share."""

from keras_simgan.models.cyclegan import CycleGAN
from keras_simgan.models.gan import GAN
from keras_simgan.models.gazegan import GazeGAN
from keras_simgan.models.pix2pix import Pix2Pix
from keras_simgan.models.pix2pixhd import Pix2PixHD
from keras_simgan.models.simgan import SimGAN

__all__ = ["GAN", "CycleGAN", "GazeGAN", "Pix2Pix", "Pix2PixHD", "SimGAN"]
