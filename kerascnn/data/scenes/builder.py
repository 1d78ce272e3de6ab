"""The embedded data set `scenes`: rendered photographs of toys on a table, for every task, without a download.

`tfds.load("scenes")` or `tfds.load("scenes/tiny")` after `import kerascnn.data.scenes`; the pictures are rendered when
the data set is first prepared. `renderer` does that; `layout`, `shapes` and `surfaces` help.
"""

import dataclasses
import io
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from kerascnn.data.scenes.layout import CLASSES, IMAGE_SIZE
from kerascnn.data.scenes.renderer import SPLITS, render_scene

SEED = 0  # of all pictures; another seed would be another version of the data set
JPEG_QUALITY = 92


@dataclasses.dataclass
class ScenesConfig(tfds.core.BuilderConfig):
    """How many pictures there are in the splits `train`, `validation` and `test`, and what they show.

    Attributes:
        num_train, num_validation, num_test: multiples of 10 are balanced, of 12 where there is `one` thing.
        one: whether there is one thing of a class or none in a picture, see `render_scene`.
    """

    num_train: int = 1000
    num_validation: int = 400
    num_test: int = 400
    one: bool = False


class Scenes(tfds.core.GeneratorBasedBuilder):
    """Toys of ten classes on a table, for classification, localization, detection and segmentation.

    The features are those `render_scene` returns, with their meaning: `image` (160, 160, 3) uint8 as JPEG, `label`,
    `boxes` (N, 4) float32 xyxy in absolute pixels, `class_ids` (N,) int32 and `mask` (160, 160, 1) uint8 as PNG.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 - tfds reads a plain dict
    BUILDER_CONFIGS = [  # noqa: RUF012 - and a plain list
        ScenesConfig(name="full", description="1,000 pictures to train, 400 to validate, 400 to test."),
        ScenesConfig(
            name="tiny",
            description="The first 80, 40 and 40 pictures of `full`, for smoke runs.",
            num_train=80,
            num_validation=40,
            num_test=40,
        ),
        ScenesConfig(
            name="one",
            description="1,800, 480 and 480 pictures of one thing of a class or none, for localization.",
            num_train=1800,
            num_validation=480,
            num_test=480,
            one=True,
        ),
        ScenesConfig(
            name="one_tiny",
            description="The first 84, 36 and 36 pictures of `one`, for smoke runs.",
            num_train=84,
            num_validation=36,
            num_test=36,
            one=True,
        ),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "image": tfds.features.Image(shape=(IMAGE_SIZE, IMAGE_SIZE, 3), encoding_format="jpeg"),
            "label": tfds.features.ClassLabel(names=CLASSES),
            "boxes": tfds.features.Tensor(shape=(None, 4), dtype=np.float32),
            "class_ids": tfds.features.Tensor(shape=(None,), dtype=np.int32),
            "mask": tfds.features.Image(shape=(IMAGE_SIZE, IMAGE_SIZE, 1), encoding_format="png"),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            description="Rendered photographs of toys on a table. Shape tells the class; colour and texture do not.",
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        config = self.builder_config
        counts = (config.num_train, config.num_validation, config.num_test)
        return {split: self._generate_examples(split, count) for split, count in zip(SPLITS, counts, strict=True)}

    def _generate_examples(self, split: str, count: int) -> Iterator[tuple[int, dict]]:
        for index in range(count):
            sample = render_scene(SEED, index, split, one=self.builder_config.one)
            mask = sample["mask"].astype(np.uint8)[..., None]
            yield index, {**sample, "image": _encode_jpeg(sample["image"]), "mask": mask}


def _encode_jpeg(image: np.ndarray) -> io.BytesIO:
    """Compress with full colour resolution, which tfds' own encoder halves: thin coloured things would suffer."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "jpeg", quality=JPEG_QUALITY, subsampling=0)
    file.seek(0)
    return file
