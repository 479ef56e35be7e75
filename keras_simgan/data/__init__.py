"""Images and their labels: files, arrays, unpaired domains, pairs, and a renderer of eyes.

Nothing here imports TensorFlow by itself.
"""

from keras_simgan.data.eyes import EyeRenderer
from keras_simgan.data.files import ImageError
from keras_simgan.data.gaze import pitch_yaw_to_vector, vector_to_pitch_yaw
from keras_simgan.data.images import (
    read_image,
    read_image_with_profile,
    resize,
    write_image,
)
from keras_simgan.data.instance_maps import instance_edges
from keras_simgan.data.labels import LabelError, read_folder, read_labels, write_folder
from keras_simgan.data.listing import list_images
from keras_simgan.data.paired import PairedDataset, paired
from keras_simgan.data.sampling import sample_images
from keras_simgan.data.unpaired import UnpairedDataset, unpaired
from keras_simgan.ranges import from_unit, to_unit

__all__ = [
    "EyeRenderer",
    "ImageError",
    "LabelError",
    "PairedDataset",
    "UnpairedDataset",
    "from_unit",
    "instance_edges",
    "list_images",
    "paired",
    "pitch_yaw_to_vector",
    "read_folder",
    "read_image",
    "read_image_with_profile",
    "read_labels",
    "resize",
    "sample_images",
    "to_unit",
    "unpaired",
    "vector_to_pitch_yaw",
    "write_folder",
    "write_image",
]
