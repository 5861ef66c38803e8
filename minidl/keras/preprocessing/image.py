"""Keras's `keras.preprocessing.image`."""

from .._absent import absent
from .._images import array_to_img, img_to_array, load_img, save_img

__all__ = ["array_to_img", "img_to_array", "load_img", "save_img"]

_LAYERS = "use keras.layers.RandomFlip, RandomRotation, RandomZoom, ..., and keras.utils.image_dataset_from_directory"
__getattr__ = absent(
    __name__,
    {
        "smart_resize": "use keras.utils.load_img(path, target_size=..., keep_aspect_ratio=True)",
        **dict.fromkeys(("ImageDataGenerator", "DirectoryIterator", "NumpyArrayIterator"), _LAYERS),
    },
)
