"""From files to batches: samples, their checks, sources, augmentations and the `tf.data` pipeline."""

from kerascnn.data.augment import mirror
from kerascnn.data.pipeline import pipeline
from kerascnn.data.sources import Source, Split, folder, idx, open_source, pictures, scenes_source, tfds_source

__all__ = [
    "Source",
    "Split",
    "folder",
    "idx",
    "mirror",
    "open_source",
    "pictures",
    "pipeline",
    "scenes_source",
    "tfds_source",
]
