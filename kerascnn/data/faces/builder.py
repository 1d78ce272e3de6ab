"""The embedded data set `faces`: 2,520 rendered portraits of 210 people who do not exist, without a download.

`tfds.load("faces")` or `tfds.load("faces/tiny")` after `import kerascnn.data.faces`; the pictures are rendered when the
data set is first prepared. `renderer` does that; the other files help.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

from kerascnn.data.faces.anatomy import LANDMARKS
from kerascnn.data.faces.circumstances import IMAGE_SIZE
from kerascnn.data.faces.renderer import render_face

SEED = 0  # of all pictures; another seed would be another version of the data set
CLASSES = ("face",)
FIRST_IDENTITY = {"train": 0, "validation": 1000, "test": 2000}  # of each split: nobody is in two of them


@dataclasses.dataclass
class FacesConfig(tfds.core.BuilderConfig):
    """How many people there are in the splits `train`, `validation` and `test`, and how many pictures of each."""

    num_train: int = 150
    num_validation: int = 30
    num_test: int = 30
    num_pictures: int = 12


class Faces(tfds.core.GeneratorBasedBuilder):
    """Portraits, several of each person, for landmarks, verification and recognition.

    The features are those `render_face` returns, with their meaning: `image` (112, 112, 3) uint8 as PNG, `landmarks`
    (14, 2) float32 in the order of `LANDMARKS`, `visibility` (14,) int32, `identity` () int32, `boxes` (1, 4) float32
    and `class_ids` (1,) int32. In the training split identities count from 0, as a classifier of them needs it.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 - tfds reads a plain dict
    BUILDER_CONFIGS = [  # noqa: RUF012 - and a plain list
        FacesConfig(name="full", description="150 people to train, 30 to validate, 30 to test, 12 pictures of each."),
        FacesConfig(
            name="tiny",
            description="The first 5 pictures of the first 12, 6 and 6 people of `full`, for smoke runs.",
            num_train=12,
            num_validation=6,
            num_test=6,
            num_pictures=5,
        ),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "image": tfds.features.Image(shape=(IMAGE_SIZE, IMAGE_SIZE, 3), encoding_format="png"),
            "landmarks": tfds.features.Tensor(shape=(len(LANDMARKS), 2), dtype=np.float32),
            "visibility": tfds.features.Tensor(shape=(len(LANDMARKS),), dtype=np.int32),
            "identity": tfds.features.Scalar(dtype=np.int32),
            "boxes": tfds.features.Tensor(shape=(None, 4), dtype=np.float32),
            "class_ids": tfds.features.Tensor(shape=(None,), dtype=np.int32),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            description="Rendered portraits. Pose, light, expression and what is worn tell nothing of who it is.",
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "identity"),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        config = self.builder_config
        counts = (config.num_train, config.num_validation, config.num_test)
        return {
            split: self._generate_examples(range(first, first + count))
            for (split, first), count in zip(FIRST_IDENTITY.items(), counts, strict=True)
        }

    def _generate_examples(self, identities: range) -> Iterator[tuple[str, dict]]:
        for identity in identities:
            for number in range(self.builder_config.num_pictures):
                yield f"{identity}/{number}", render_face(SEED, identity, number)
