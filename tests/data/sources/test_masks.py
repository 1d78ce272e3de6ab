"""Folders of pictures and masks: every layout, and everything that is wrong with one."""

import numpy as np
import pytest
from PIL import Image

from kerascnn.data import open_source
from kerascnn.data.sources import masks


def write(folder, names, mask_folder=None, *, size=(6, 8), classes=3, suffix=".png", seed=0):
    """Write noise with masks; gives the masks by name."""
    rng = np.random.default_rng(seed)
    mask_folder = mask_folder or folder.with_name("masks")
    written = {}
    for path in (folder, mask_folder):
        path.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.fromarray(rng.integers(0, 256, (*size, 3)).astype(np.uint8)).save(folder / f"{name}.png")
        written[name] = rng.integers(0, classes, size).astype(np.uint8)
        Image.fromarray(written[name]).save(mask_folder / f"{name}{suffix}")
    return written


def check(split, written):
    assert sorted(name.rpartition("/")[2].partition(".")[0] for name in split.names) == sorted(written)
    for index, name in enumerate(split.names):
        expected = written[name.rpartition("/")[2].partition(".")[0]]
        np.testing.assert_array_equal(split.annotations["mask"][index], expected)
        sample = split.read(index)
        np.testing.assert_array_equal(sample["mask"], expected)
        assert sample["image"].shape[:2] == sample["mask"].shape


def test_folders_of_splits_with_names(tmp_path):
    splits = ("train", "val", "test")
    written = {split: write(tmp_path / split / "images", "ab", seed=ord(split[0])) for split in splits}
    (tmp_path / "classes.txt").write_text("sky\nroad\ncar\n")
    source = open_source(f"masks:{tmp_path}", annotation="mask")
    assert source.classes == ("sky", "road", "car") and source.name == f"masks:{tmp_path}"
    for split, name in ((source.train, "train"), (source.valid, "val"), (source.test, "test")):
        check(split, written[name])
    assert source.set_aside == ()
    present = sum(np.isin(np.arange(3), mask) for mask in written["train"].values())
    np.testing.assert_array_equal(source.train.count(3), present)
    assert open_source(f"masks:{tmp_path}", annotation=None).fingerprint == source.fingerprint


def test_splits_below_the_folders(tmp_path):
    written = {
        split: write(tmp_path / "images" / split, "ab", tmp_path / "masks" / split) for split in ("train", "val")
    }
    source = masks(tmp_path)
    check(source.train, written["train"])
    check(source.valid, written["val"])
    assert source.test is None and source.classes == ("0", "1", "2")


def test_a_fifth_validates_where_nothing_says_it(tmp_path):
    written = write(tmp_path / "images", [str(number) for number in range(10)], suffix="_mask.png")
    source = masks(tmp_path, seed=3)
    assert (len(source.train), len(source.valid)) == (8, 2)
    assert {**dict.fromkeys(source.train.names), **dict.fromkeys(source.valid.names)}.keys() == {
        f"images/{name}.png" for name in written
    }
    assert masks(tmp_path, seed=3).valid.names == source.valid.names


def test_voc_has_its_own_folders_lists_and_names(tmp_path):
    written = write(tmp_path / "JPEGImages", "abcd", tmp_path / "SegmentationClass")
    lists = tmp_path / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a\nb\n")
    (lists / "val.txt").write_text("d\nmissing\n")
    (tmp_path / "SegmentationClass" / "c.png").unlink()  # most of VOC's pictures have no mask, and are in no list
    source = masks(tmp_path)
    assert [each.path for each in source.set_aside] == ["ImageSets/Segmentation/missing"]
    check(source.train, {name: written[name] for name in "ab"})
    check(source.valid, {"d": written["d"]})
    assert len(source.classes) == 21 and source.classes[15] == "person"


def test_colours_by_a_table(tmp_path):
    write(tmp_path / "images", "ab", classes=2)
    for name in "ab":
        file = tmp_path / "masks" / f"{name}.png"
        values = np.asarray(Image.open(file))
        Image.fromarray(np.array([(9, 8, 7), (255, 0, 0)], np.uint8)[values]).save(file)
    (tmp_path / "colors.csv").write_text("name,r,g,b\nground,9,8,7\nhouse,255,0,0\n")
    source = masks(tmp_path)
    assert source.classes == ("ground", "house")
    assert set(np.unique(source.train.annotations["mask"][0])) == {0, 1}


def test_a_colour_may_stand_for_what_is_ignored(tmp_path):
    write(tmp_path / "images", "ab", classes=3)
    for name in "ab":
        file = tmp_path / "masks" / f"{name}.png"
        values = np.asarray(Image.open(file))
        Image.fromarray(np.array([(9, 8, 7), (255, 0, 0), (1, 1, 1)], np.uint8)[values]).save(file)
    (tmp_path / "colors.csv").write_text("ignored,9,8,7\nhouse,255,0,0\nroad,1,1,1\n")
    source = masks(tmp_path)
    assert source.classes == ("house", "road")
    assert set(np.unique(source.train.annotations["mask"][0])) == {0, 1, 255}
    for line in ("wall,255,0,0", "wall,256,0,0"):
        (tmp_path / "colors.csv").write_text(f"house,255,0,0\n{line}\n")
        with pytest.raises(ValueError, match="different colours, of 0 to 255"):
            masks(tmp_path)


def test_zero_and_255_are_questioned_and_read_on_demand(tmp_path):
    written = write(tmp_path / "images", "ab", classes=2)
    for name, values in written.items():
        Image.fromarray(255 * values).save(tmp_path / "masks" / f"{name}.png")
    with pytest.raises(ValueError, match=rf"0 and 255 only.*say binary_masks:{tmp_path}"):
        open_source(f"masks:{tmp_path}", annotation="mask")
    source = open_source(f"binary_masks:{tmp_path}", annotation="mask")
    assert source.classes == ("0", "1")
    check(source.train, {source.train.names[0][7]: written[source.train.names[0][7]]})


def test_binary_masks_that_were_stored_with_loss_are_read_as_they_were_meant(tmp_path):
    write(tmp_path / "images", "ab", size=(32, 32))
    for name in "ab":
        (tmp_path / "masks" / f"{name}.png").unlink()
        square = np.zeros((32, 32), np.uint8)
        square[5:20, 7:29] = 255
        Image.fromarray(square).save(tmp_path / "masks" / f"{name}.jpg", quality=50)
        with Image.open(tmp_path / "masks" / f"{name}.jpg") as stored:
            assert len(np.unique(np.asarray(stored))) > 10  # values around the edge
    source = masks(tmp_path, binary=True)
    np.testing.assert_array_equal(source.train.annotations["mask"][0], square == 255)


def test_what_does_not_fit_is_set_aside_with_the_reason(tmp_path):
    write(tmp_path / "images", "abcdefg")
    (tmp_path / "classes.txt").write_text("x\ny\nz\n")
    (tmp_path / "masks" / "c.png").unlink()
    (tmp_path / "images" / "d.png").unlink()
    Image.fromarray(np.zeros((8, 6), np.uint8)).save(tmp_path / "masks" / "e.png")
    Image.fromarray(np.full((6, 8), 3, np.uint8)).save(tmp_path / "masks" / "f.png")
    (tmp_path / "images" / "g.png").write_bytes(b"no picture")
    source = masks(tmp_path)
    reasons = {each.path: each.reason for each in source.set_aside}
    assert set(reasons) == {"images/c.png", "masks/d.png", "images/e.png", "images/f.png", "images/g.png"}
    assert "no mask" in reasons["images/c.png"] and "no picture" in reasons["masks/d.png"]
    assert "8 x 6 pixels, the picture 6 x 8" in reasons["images/e.png"]
    assert "the value 3, and 3 classes are 0 to 2" in reasons["images/f.png"]
    assert len(source.train) + len(source.valid) == 2


def test_what_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        masks(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="no pictures to train on"):
        masks(tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(FileNotFoundError, match="should hold a mask for each picture"):
        masks(tmp_path)
    (tmp_path / "masks").mkdir()
    with pytest.raises(ValueError, match="no usable picture in its train split"):
        masks(tmp_path)
    write(tmp_path / "images", "ab")
    (tmp_path / "classes.txt").write_text("x\nx\n")
    with pytest.raises(ValueError, match="different classes"):
        masks(tmp_path)
    (tmp_path / "colors.csv").write_text("a,1,2,3\nb,one,2,3\n")
    with pytest.raises(ValueError, match="lines of name,red,green,blue"):
        masks(tmp_path)


def test_another_annotation_is_refused(tmp_path):
    with pytest.raises(ValueError, match=f"masks:{tmp_path} has masks"):
        open_source(f"masks:{tmp_path}", annotation="boxes")
