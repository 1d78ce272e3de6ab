"""Photos without annotation: what is read, how it is divided, what is set aside."""

import numpy as np
import pytest
from PIL import Image

from kerascnn.data import open_source, photos


def write(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (9, 12, 3), np.uint8)).save(path)


def test_pictures_of_all_folders_are_found_and_a_fifth_validates(tmp_path):
    for number in range(10):
        write(tmp_path / ("a" if number % 2 else "b/c") / f"{number}.png", number)
    (tmp_path / "notes.png").write_text("no picture")
    source = photos(tmp_path, seed=3)
    assert (len(source.train), len(source.valid), source.test) == (8, 2, None)
    assert not set(source.train.names) & set(source.valid.names)
    assert source.classes == ("photo",) and set(source.train.labels.tolist()) == {0}
    assert [each.path for each in source.set_aside] == ["notes.png"]
    assert photos(tmp_path, seed=3).valid.names == source.valid.names


def test_splits_are_kept_and_the_words_open_it(tmp_path):
    for number, split in enumerate(("train", "val", "test")):
        write(tmp_path / split / "1.png", number)
    source = open_source(f"photos:{tmp_path}", annotation=None)
    assert [len(split) for split in source.splits.values()] == [1, 1, 1]


def test_what_cannot_be_used_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="Give a folder of pictures"):
        photos(tmp_path / "none")
    with pytest.raises(ValueError, match="holds no usable picture"):
        photos(tmp_path)
    write(tmp_path / "1.png", 0)
    with pytest.raises(ValueError, match="At least 2 pictures"):
        photos(tmp_path)
    with pytest.raises(ValueError, match="masks"):
        open_source(f"photos:{tmp_path}", annotation="mask")
