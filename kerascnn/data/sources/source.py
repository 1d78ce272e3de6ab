"""A source is a data set in splits; a split is a list of samples that are read one by one, on demand."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import tensorflow as tf

from kerascnn.data.checks import SetAside
from kerascnn.data.decode import Encoded, decode_picture
from kerascnn.data.sample import DERIVED
from kerascnn.data.sources.annotations import Annotations, annotation_texts, make_lookup, select_annotations

VALIDATION_SHARE = 0.2


@dataclass(frozen=True)
class Split:
    """A list of annotated samples.

    Attributes:
        names: what each picture is called: its path in the data set, or its number.
        annotations: what each sample holds beside its picture, by the keys of `kerascnn.data.sample`: `label` (N,)
            int32, or `boxes`, N arrays (n, 4), and so on.
        digests: SHA-256 of each picture as it is stored, and of what part of it is read, in hexadecimal.
        read: from an index, (), int64, to the sample; it runs in a `tf.data` graph.
        fetch: the same, but the image is an `Encoded` picture; None where it is not read as a whole, or not encoded.
        in_memory: whether the pictures lie in memory, so that nothing is decoded when they are read.
    """

    names: Sequence[str]
    annotations: Annotations
    digests: Sequence[str]
    read: Callable[[tf.Tensor], dict[str, tf.Tensor]] = field(repr=False)
    fetch: Callable[[tf.Tensor], dict[str, tf.Tensor | Encoded]] | None = field(default=None, repr=False)
    in_memory: bool = True

    @classmethod
    def of_files(
        cls,
        names: Sequence[str],
        annotations: Annotations,
        digests: Sequence[str],
        plain: Sequence[bool],
        load: Callable[[tf.Tensor], tf.Tensor],
    ) -> "Split":
        """Make a split of encoded pictures.

        Args:
            names: see above.
            annotations: see above.
            digests: see above.
            plain: what `kerascnn.data.decode.is_plain` said of each.
            load: from an index to the bytes of the file, in a graph.
        """
        plain_table, look_up = tf.constant(plain, tf.bool), make_lookup(annotations)

        def read(index: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"image": decode_picture(load(index), plain_table[index])} | look_up(index)

        def fetch(index: tf.Tensor) -> dict[str, tf.Tensor | Encoded]:
            return {"image": Encoded(load(index), plain_table[index])} | look_up(index)

        return cls(names, annotations, digests, read, fetch, in_memory=False)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def labels(self) -> np.ndarray:
        """Class of each picture, (N,) int32.

        Raises:
            ValueError: if the pictures have no label.
        """
        if "label" not in self.annotations:
            raise ValueError(f"These pictures have no label. They have {', '.join(self.annotations) or 'nothing'}.")
        return np.asarray(self.annotations["label"])

    def picture(self, index: int) -> np.ndarray:
        """Read one picture as it is stored: (H, W, 3) uint8."""
        return self.read(tf.constant(index, tf.int64))["image"].numpy()

    def select(self, indices: np.ndarray) -> "Split":
        """Give the samples at (n,) `indices` as a new split."""
        positions = tf.constant(indices, tf.int64)
        return Split(
            names=[self.names[index] for index in indices],
            annotations=select_annotations(self.annotations, indices),
            digests=[self.digests[index] for index in indices],
            read=lambda index: self.read(positions[index]),
            fetch=self.fetch and (lambda index: self.fetch(positions[index])),
            in_memory=self.in_memory,
        )

    def adding(self, key: str, values: Sequence[np.ndarray]) -> "Split":
        """Give the samples with one more annotation: `values` holds that of each, see `annotations`."""
        look_up = make_lookup({key: values})

        def extend(read: Callable[[tf.Tensor], dict]) -> Callable[[tf.Tensor], dict]:
            return lambda index: read(index) | look_up(index)

        return replace(
            self,
            annotations={**self.annotations, key: values},
            read=extend(self.read),
            fetch=self.fetch and extend(self.fetch),
        )

    def without_annotations(self) -> "Split":
        """Give the pictures alone."""

        def strip(read: Callable[[tf.Tensor], dict]) -> Callable[[tf.Tensor], dict]:
            return lambda index: {"image": read(index)["image"]}

        return replace(self, annotations={}, read=strip(self.read), fetch=self.fetch and strip(self.fetch))

    def count(self, num_classes: int) -> np.ndarray:
        """Count each class: pictures by their label, else boxes, else the pictures in which it, or a landmark, is seen.

        Pictures with an identity are all of the one class `face`.

        Returns:
            (num_classes,) int64.
        """
        if "identity" in self.annotations:
            return np.array([len(self)])
        if "landmarks" in self.annotations:
            seen = self.annotations.get("visibility", np.ones((len(self), num_classes)))
            return np.sum(np.reshape(seen, (-1, num_classes)) > 0, axis=0, dtype=np.int64)
        if "mask" in self.annotations:
            seen = np.concatenate([[], *map(np.unique, self.annotations["mask"])]).astype(np.int64)
            return np.bincount(seen[seen < num_classes], minlength=num_classes)
        found = self.labels if "label" in self.annotations else np.concatenate([[], *self.annotations["class_ids"]])
        return np.bincount(found[found >= 0].astype(np.int64), minlength=num_classes)

    def class_weights(self) -> dict[int, float]:
        """Weigh the classes so that each counts the same in the loss, as `class_weight` of `model.fit` takes it.

        Returns:
            N / (classes * N of the class) for each class that occurs; all are 1 where the classes are balanced.
        """
        classes, counts = np.unique(self.labels, return_counts=True)
        return {
            int(label): len(self) / (len(classes) * int(count)) for label, count in zip(classes, counts, strict=True)
        }


@dataclass(frozen=True)
class Source:
    """A data set.

    Attributes:
        name: what was asked for, in the words that `kerascnn.data.open_source` takes.
        classes: name of each class, in the order of the labels.
        train: what the weights are fitted to.
        valid: what choices are made on.
        test: what is only read for the last table; None where the data set has none.
        set_aside: files and boxes that were left out, with the reason.
        clipped: parts of boxes that were cut off, because they lie outside of their pictures; the boxes are used.
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    valid: Split
    test: Split | None = None
    set_aside: tuple[SetAside, ...] = ()
    clipped: tuple[SetAside, ...] = ()

    @property
    def splits(self) -> dict[str, Split]:
        """The splits by name: train, validation and, where there is one, test."""
        splits = {"train": self.train, "validation": self.valid, "test": self.test}
        return {name: split for name, split in splits.items() if split is not None}

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the classes and the content, annotation and split of every sample.

        Names do not count, nor what is computed from the rest, such as proposals.
        """
        digest = hashlib.sha256("\n".join(self.classes).encode())
        for name, split in self.splits.items():
            given = {key: values for key, values in split.annotations.items() if key not in DERIVED}
            texts = annotation_texts(given, len(split))
            for content, annotation in sorted(zip(split.digests, texts, strict=True)):
                digest.update(f"\n{name} {annotation} {content}".encode())
        return f"sha256:{digest.hexdigest()}"

    def duplicates_across_splits(self) -> list[tuple[str, str]]:
        """Find pictures of the training split that lie, byte for byte, in the validation or test split too."""
        seen = dict(zip(self.train.digests, self.train.names, strict=True))
        return [
            (seen[digest], name)
            for split in (self.valid, self.test)
            if split is not None
            for digest, name in zip(split.digests, split.names, strict=True)
            if digest in seen
        ]


def describe_source(source: Source) -> dict[str, Any]:
    """Describe a data set for the card: its name, fingerprint, splits, class counts, and what its check found."""
    return {
        "source": source.name,
        "fingerprint": source.fingerprint,
        "splits": {
            name: {
                "examples": len(split),
                "per_class": dict(zip(source.classes, split.count(len(source.classes)).tolist(), strict=True)),
            }
            for name, split in source.splits.items()
        },
        "set_aside": [asdict(each) for each in source.set_aside],
        "clipped": [asdict(each) for each in source.clipped],
        "duplicates_across_splits": source.duplicates_across_splits(),
    }


def split_by_class(
    labels: np.ndarray, classes: Sequence[str], seed: int, share: float = VALIDATION_SHARE
) -> tuple[np.ndarray, np.ndarray]:
    """Divide samples into training and validation so that each class keeps its share in both.

    Args:
        labels: (N,) the class of each.
        classes: names of the classes.
        seed: decides which samples go where.
        share: of each class that goes to validation; at least one sample of each stays on either side.

    Returns:
        Two (n,) int64 arrays of indices in ascending order, for training and validation.

    Raises:
        ValueError: for a class with a single sample.
    """
    rng = np.random.default_rng(seed)
    train, valid = [], []
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        if len(members) < 2:
            raise ValueError(
                f"{classes[label]} has {len(members)} usable picture, and at least 2 are needed to divide them into "
                "training and validation. Add pictures, or give train/ and val/ folders."
            )
        held_out = min(len(members) - 1, max(1, round(share * len(members))))
        valid.append(members[:held_out])
        train.append(members[held_out:])
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(valid))


def split_at_random(count: int, seed: int, share: float = VALIDATION_SHARE) -> tuple[np.ndarray, np.ndarray]:
    """Divide samples into training and validation by chance.

    Args:
        count: of the samples.
        seed: decides which samples go where.
        share: of them that goes to validation; at least one sample stays on either side.

    Returns:
        Two (n,) int64 arrays of indices in ascending order, for training and validation.

    Raises:
        ValueError: for fewer than two samples.
    """
    if count < 2:
        raise ValueError(f"At least 2 pictures are needed to divide them into training and validation. Found {count}.")
    order = np.random.default_rng(seed).permutation(count)
    held_out = min(count - 1, max(1, round(share * count)))
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def check_classes(name: str, classes: Sequence[str], splits: Mapping[str, Split]) -> None:
    """Refuse data that a classifier cannot be trained on.

    Args:
        name: what the data set is called in the message.
        classes: names of the classes.
        splits: by name.

    Raises:
        ValueError: for fewer than two classes, or a class without a picture in a split.
    """
    if len(classes) < 2:
        raise ValueError(
            f"{name} must have at least two classes. Found {len(classes)}: {', '.join(classes) or 'none'}."
        )
    for split_name, split in splits.items():
        empty = [classes[label] for label in np.flatnonzero(split.count(len(classes)) == 0)]
        if empty:
            raise ValueError(
                f"{name} has no usable picture of {', '.join(empty)} in its {split_name} split. "
                "Every class needs pictures in every split: add some, or remove the class."
            )
