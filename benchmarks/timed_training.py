"""What `keras_training.py` and `torch_training.py` are told alike. Neither TensorFlow nor PyTorch is imported here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TimedTraining:
    """Time training on random pictures in memory."""

    network: str
    """Its name, as the library knows it."""
    side: int
    """Height and width of the pictures."""
    pictures: int
    """Pictures in an epoch."""
    batch_size: int
    """Pictures in a step."""
    num_classes: int = 10
    """Classes of the pictures."""
    epochs: int = 5
    """Timed epochs, after one that is not."""
