"""The classic convolutional networks in plain Keras, from a folder of pictures to a verified model on a phone."""

__version__ = "0.1.0"
