"""Class folders: what is used, what is set aside and why, and that no file is ever touched."""

import io
import os
import struct
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageOps

from kerascnn.data import folder, pipeline
from kerascnn.data.sources.folder import pictures

TASK = SimpleNamespace(image_size=(8, 8), targets=lambda sample: sample["label"])
OUTSIDE = "not in a class folder, or in a hidden one"


@pytest.fixture
def write(tmp_path, encode):
    """A function that writes pictures, each different, into a folder below `tmp_path`."""
    written = iter(range(10_000))

    def write_pictures(where, count=5):
        (tmp_path / where).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            (tmp_path / where / f"{number}.png").write_bytes(encode(size=(6, 7), seed=next(written)))

    return write_pictures


@pytest.fixture
def two_classes(tmp_path, write):
    write("ants")
    write("bees")
    return tmp_path


def reasons(source):
    return {each.path: each.reason for each in source.set_aside}


def names(source):
    return {name: sorted(split.names) for name, split in source.splits.items()}


def read_everything(split, epochs=1):
    batches = pipeline(split, TASK, batch_size=4, seed=0)
    return [sum(len(labels) for _, labels in batches) for _ in range(epochs)]


# ---- bad files


def replace(data, old, new):
    assert data.count(old) >= 1
    return data.replace(old, new, 1)


@pytest.fixture
def bad_files(encode, encode_png, chunk):
    """Bytes that are no usable picture, by file name, each bad in a different way."""
    jpeg, png, gif = encode("JPEG", size=(60, 60)), encode("PNG", size=(60, 60)), encode("GIF", size=(60, 60))
    webp, tiff = encode("WEBP", size=(60, 60)), encode("TIFF", size=(60, 60), compression="tiff_lzw")
    frame = jpeg.index(b"\xff\xc0")
    floats = io.BytesIO()
    Image.fromarray(np.zeros((3, 4), np.float32)).save(floats, "TIFF")
    small = encode_png(np.zeros((2, 2, 3)), 8)
    huge_header = chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0))
    large_header = chunk(b"IHDR", struct.pack(">IIBBBBB", 10_000, 10_000, 8, 2, 0, 0, 0))
    data_start = png.index(b"IDAT") + 4
    data_end = data_start + int.from_bytes(png[data_start - 8 : data_start - 4], "big")
    return {
        "empty.jpg": b"",
        "one_byte.jpg": b"\xff",
        "text.jpg": b"I am a text.\n",
        "error_page.png": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
        "half.jpg": jpeg[: len(jpeg) // 2],
        "without_end.jpg": jpeg[:-2],
        "header_only.jpg": jpeg[:frame],
        "two_bytes.jpg": jpeg[:2],
        "half.png": png[: len(png) // 2],
        "signature_only.png": png[:8],
        "zeros.jpg": bytes(1000),
        "random.jpg": np.random.default_rng(0).bytes(1000),
        "bad_checksum.png": png[:data_end] + bytes([png[data_end] ^ 1]) + png[data_end + 1 :],
        "bad_pixels.png": png[: data_start + 300] + bytes(200) + png[data_start + 500 :],
        "bad_palette_pixels.png": replace(encode("PNG", "P", size=(60, 60)), b"IDAT", b"IDAU"),
        "bomb.png": small[:8] + huge_header + small[33:],
        "over_the_limit.png": small[:8] + large_header + small[33:],
        "bomb.jpg": jpeg[: frame + 5] + struct.pack(">HH", 65_500, 65_500) + jpeg[frame + 9 :],
        "zero_wide.jpg": jpeg[: frame + 5] + struct.pack(">HH", 60, 0) + jpeg[frame + 9 :],
        "archive.zip": b"PK\x03\x04" + bytes(100),
        "paper.pdf": b"%PDF-1.7\n" + bytes(100),
        "film.mp4": b"\0\0\0\x20ftypisom" + bytes(100),
        ".DS_Store": b"\0\0\0\1Bud1" + bytes(100),
        "._photo.jpg": b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(100),
        "Thumbs.db": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100),
        "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>',
        "half.gif": gif[: len(gif) // 2],
        "half.webp": webp[: len(webp) // 2],
        "bad.webp": webp[:20] + bytes(len(webp) - 20),
        "half.tif": tiff[: len(tiff) // 2],
        "bad.tif": tiff[:8] + b"\xff" * (len(tiff) - 8),
        "floats.tif": floats.getvalue(),
        "half.bmp": encode("BMP", size=(60, 60))[:500],
        "array.npy": b"\x93NUMPY\1\0" + bytes(100),
        "icon.ico": encode("ICO"),
        "other.ppm": encode("PPM"),
        "other.avif": encode("AVIF"),
        "other.jp2": encode("JPEG2000"),
    }


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data", "ignore:Image size")
def test_every_kind_of_bad_file_is_set_aside_and_none_is_touched(two_classes, bad_files):
    photos, ants = two_classes, two_classes / "ants"
    for name, data in bad_files.items():
        (ants / name).write_bytes(data)
    (photos / "labels.csv").write_text("file,class")
    (ants / "broken_link.jpg").symlink_to(photos / "nothing.jpg")
    (ants / "link_to_itself.jpg").symlink_to(ants / "link_to_itself.jpg")
    os.mkfifo(ants / "pipe.jpg")
    regular = [path for path in photos.rglob("*") if path.is_file()]
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in regular}

    source = folder(photos)

    expected = {f"ants/{name}" for name in bad_files}
    expected |= {"labels.csv", "ants/broken_link.jpg", "ants/link_to_itself.jpg", "ants/pipe.jpg"}
    assert set(reasons(source)) == expected
    assert all(reasons(source).values())
    assert len(source.train) + len(source.valid) == 10
    for split in source.splits.values():
        assert read_everything(split, epochs=2) == [len(split)] * 2
    assert {path for path in photos.rglob("*") if path.is_file()} == set(regular)
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in regular} == before


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data", "ignore:Image size")
def test_reasons_say_what_is_wrong(two_classes, bad_files):
    for name, data in bad_files.items():
        (two_classes / "ants" / name).write_bytes(data)
    (two_classes / "ants" / "broken_link.jpg").symlink_to(two_classes / "nothing.jpg")
    (two_classes / "beside.png").write_bytes(b"")
    found = reasons(folder(two_classes))
    assert found["ants/empty.jpg"] == "the file is empty"
    assert found["ants/broken_link.jpg"] == "a link to nothing"
    assert found["beside.png"] == OUTSIDE
    for name in ("bomb.png", "bomb.jpg", "over_the_limit.png"):
        assert found[f"ants/{name}"].startswith("too large")
    for name in ("half.jpg", "without_end.jpg", "half.png", "bad_checksum.png", "bad_pixels.png", "half.gif"):
        assert found[f"ants/{name}"].startswith("damaged")
    for name in ("text.jpg", "error_page.png", "drawing.svg", "icon.ico", "other.avif", "array.npy"):
        assert found[f"ants/{name}"].startswith("not a picture of a known format")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_set_aside(two_classes, write):
    write("ants/secret")
    (two_classes / "ants" / "0.png").chmod(0)
    (two_classes / "ants" / "secret").chmod(0)
    try:
        assert set(reasons(folder(two_classes))) == {"ants/0.png", "ants/secret"}
    finally:
        (two_classes / "ants" / "secret").chmod(0o700)


def test_pixels_come_from_the_right_file_and_are_pillows(tmp_path, encode):
    kinds = [
        ("JPEG", "RGB"),
        ("PNG", "L"),
        ("GIF", "P"),
        ("WEBP", "RGB"),
        ("TIFF", "RGB"),
        ("PNG", "RGBA"),
        ("BMP", "1"),
    ]
    for name in ("ants", "bees"):
        (tmp_path / name).mkdir()
        for number, (picture_format, mode) in enumerate(kinds):
            data = encode(picture_format, mode, size=(4 + number, 9), seed=number)
            (tmp_path / name / f"{number}").write_bytes(data)  # the content decides, not the extension
    source = folder(tmp_path)
    assert not source.set_aside
    for split in source.splits.values():
        for index, name in enumerate(split.names):
            sample = split.read(np.int64(index))
            with Image.open(tmp_path / name) as picture:
                expected = ImageOps.exif_transpose(picture).convert("RGB")
            np.testing.assert_array_equal(sample["image"], expected)
            assert source.classes[sample["label"]] == name.split("/")[0]


ODD_NAMES = [
    "with space",
    "größe-日本語-🐜",
    "a#b",
    "100%25",
    "new\nline",
    "semi;colon'quote\"",
    "-rf",
    "*?[x]",
    "back\\slash",
]


def test_odd_names_are_read(two_classes, encode):
    data = [encode(size=(6, 7), seed=1000 + number) for number in range(len(ODD_NAMES) + 1)]
    for name, each in zip(ODD_NAMES, data, strict=False):
        (two_classes / "ants" / f"{name}.png").write_bytes(each)
    with open(os.fsencode(two_classes / "ants") + b"/latin-\xe9.png", "wb") as file:
        file.write(data[-1])
    source = folder(two_classes)
    assert not source.set_aside
    found = [name for split in source.splits.values() for name in split.names]
    assert {f"ants/{name}.png" for name in ODD_NAMES} | {"ants/latin-\\xe9.png"} <= set(found)
    for name in found:
        name.encode()  # can be printed and written to the card
    for split in source.splits.values():
        assert read_everything(split) == [len(split)]


def test_odd_class_names_are_read(tmp_path, write):
    for name in ("a b", "größe", "100%", "x#y"):
        write(name, 2)
    source = folder(tmp_path)
    assert source.classes == ("100%", "a b", "größe", "x#y")
    assert read_everything(source.train) == [4]


def test_bad_file_with_an_undecodable_name_is_listed(two_classes):
    with open(os.fsencode(two_classes / "ants") + b"/\xff.png", "wb"):
        pass
    assert reasons(folder(two_classes)) == {"ants/\\xff.png": "the file is empty"}


def test_relative_folder_still_reads_after_a_change_of_directory(two_classes, monkeypatch, tmp_path_factory):
    monkeypatch.chdir(two_classes)
    source = folder(".")
    assert all(name.startswith(("ants/", "bees/")) for name in source.train.names)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert read_everything(source.train) == [8]


# ---- splits


def test_a_fifth_of_each_class_is_held_out(tmp_path, write):
    write("ants", 10)
    write("bees", 5)
    source = folder(tmp_path)
    assert source.classes == ("ants", "bees")
    assert source.train.count(2).tolist() == [8, 4]
    assert source.valid.count(2).tolist() == [2, 1]
    assert source.test is None
    everything = names(source)["train"] + names(source)["validation"]
    assert sorted(everything) == sorted([f"ants/{n}.png" for n in range(10)] + [f"bees/{n}.png" for n in range(5)])


def test_same_seed_gives_same_split_and_another_seed_another(tmp_path, write):
    write("ants", 10)
    write("bees", 10)
    assert names(folder(tmp_path, seed=1)) == names(folder(tmp_path, seed=1)) != names(folder(tmp_path, seed=2))


@pytest.mark.parametrize("train", ["train", "training", "Train", "TRAIN"])
@pytest.mark.parametrize("valid", ["val", "valid", "validation", "Validation"])
@pytest.mark.parametrize("test", ["test", "testing", None])
def test_split_folders_and_their_synonyms(tmp_path, write, train, valid, test):
    counts = {train: 3, valid: 2} | ({test: 1} if test else {})
    for split, count in counts.items():
        write(f"{split}/ants", count)
        write(f"{split}/bees", count)
    source = folder(tmp_path)
    assert source.classes == ("ants", "bees")
    assert [len(split) for split in source.splits.values()] == [2 * count for count in counts.values()]
    assert all(name.startswith(f"{train}/") for name in source.train.names)
    assert all(name.startswith(f"{valid}/") for name in source.valid.names)


def test_without_a_validation_folder_a_fifth_of_train_is_taken_and_test_left_alone(tmp_path, write):
    for split in ("train", "test"):
        write(f"{split}/ants")
        write(f"{split}/bees")
    source = folder(tmp_path)
    assert [len(split) for split in source.splits.values()] == [8, 2, 10]
    assert all(name.startswith("train/") for name in names(source)["train"] + names(source)["validation"])


@pytest.mark.parametrize("split", ["val", "Test"])
def test_a_split_folder_beside_class_folders_is_not_a_class(tmp_path, write, split):
    for where in ("ants", "bees", f"{split}/ants", f"{split}/bees"):
        write(where)
    with pytest.raises(ValueError, match=f"{split} and no train folder: move the class folders"):
        folder(tmp_path)


def test_two_folders_for_one_split_are_refused(tmp_path, write):
    for split in ("train", "val", "valid"):
        write(f"{split}/ants")
        write(f"{split}/bees")
    with pytest.raises(ValueError, match=r"val, .*valid can be the validation split"):
        folder(tmp_path)


def test_what_lies_beside_the_split_folders_is_set_aside(tmp_path, write):
    for where in ("train/ants", "train/bees", "extra/ants"):
        write(where)
    (tmp_path / "readme.txt").write_text("")
    write("train", 1)
    assert reasons(folder(tmp_path)) == dict.fromkeys(["extra", "readme.txt", "train/0.png"], OUTSIDE)


def test_labels_are_the_same_in_every_split(tmp_path, write):
    for where in ("train/c", "train/a", "train/b", "val/b", "val/a", "val/c"):
        write(where, 1)
    source = folder(tmp_path)
    for split in source.splits.values():
        for name, label in zip(split.names, split.labels, strict=True):
            assert name.split("/")[1] == source.classes[label]


# ---- what cannot be trained on


@pytest.mark.parametrize("lonely_in", ["train", "val"])
def test_a_class_in_one_split_only_is_refused(tmp_path, write, lonely_in):
    for where in ("train/ants", "train/bees", "val/ants", "val/bees", f"{lonely_in}/wasps"):
        write(where)
    with pytest.raises(ValueError, match="wasps"):
        folder(tmp_path)


def test_an_empty_class_is_refused_by_name(two_classes):
    (two_classes / "wasps").mkdir()
    with pytest.raises(ValueError, match="no usable picture of wasps"):
        folder(two_classes)


def test_a_class_with_bad_pictures_only_is_refused_by_name(two_classes):
    (two_classes / "wasps").mkdir()
    (two_classes / "wasps" / "1.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match="no usable picture of wasps"):
        folder(two_classes)


def test_a_class_with_one_picture_is_refused_by_name(two_classes, write):
    write("wasps", 1)
    with pytest.raises(ValueError, match="wasps has 1 usable picture"):
        folder(two_classes)


def test_one_class_is_refused(tmp_path, write):
    write("ants")
    with pytest.raises(ValueError, match=r"at least two classes. Found 1: ants"):
        folder(tmp_path)


def test_folders_without_a_usable_picture_are_refused(tmp_path):
    (tmp_path / "ants").mkdir()
    (tmp_path / "bees").mkdir()
    (tmp_path / "bees" / "1.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match="no usable picture: 1 files"):
        folder(tmp_path)


@pytest.mark.parametrize("where", [".", "train"])
def test_pictures_without_class_folders_are_refused(tmp_path, write, where):
    write(where)
    with pytest.raises(ValueError, match="a folder for each class, and holds none"):
        folder(tmp_path)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="a folder for each class, and holds none"):
        folder(tmp_path)


def test_a_missing_folder_and_a_file_are_not_found(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for name in ("missing", "file"):
        with pytest.raises(FileNotFoundError, match=name):
            folder(tmp_path / name)


# ---- the shape of the tree


def test_sub_folders_of_a_class_belong_to_it(two_classes, write):
    write("ants/holiday/2020", 3)
    source = folder(two_classes)
    assert source.classes == ("ants", "bees")
    assert (source.train.count(2) + source.valid.count(2)).tolist() == [8, 5]


def test_hidden_folders_are_no_classes_and_their_files_are_set_aside(two_classes, write):
    write(".cache", 1)
    write("ants/.ipynb_checkpoints", 1)
    write("bees/deeper/.hidden/2020", 1)
    source = folder(two_classes)
    assert source.classes == ("ants", "bees")
    hidden = (".cache/0.png", "ants/.ipynb_checkpoints/0.png", "bees/deeper/.hidden/2020/0.png")
    assert reasons(source) == dict.fromkeys(hidden, OUTSIDE)


def test_links_to_files_and_folders_are_followed(two_classes, write, tmp_path_factory, encode):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for number in range(4):
        (elsewhere / f"{number}.png").write_bytes(encode(size=(6, 7), seed=2000 + number))
    (two_classes / "wasps").symlink_to(elsewhere)
    (two_classes / "ants" / "link.png").symlink_to(elsewhere / "0.png")
    source = folder(two_classes)
    assert (source.train.count(3) + source.valid.count(3)).tolist() == [6, 5, 4]
    assert read_everything(source.train) == [len(source.train)]


def test_links_in_a_circle_end(two_classes):
    (two_classes / "ants" / "me").symlink_to(two_classes / "ants")
    (two_classes / "ants" / "up").symlink_to(two_classes)
    (two_classes / "bees" / "up").symlink_to(two_classes)
    source = folder(two_classes)
    assert sorted(names(source)["train"] + names(source)["validation"]) == [
        f"{name}/{number}.png" for name in ("ants", "bees") for number in range(5)
    ]


# ---- pictures to predict on


def test_pictures_have_no_class_and_keep_their_order(two_classes):
    paths = [two_classes / "bees" / "1.png", str(two_classes / "ants" / "0.png")]
    split, set_aside = pictures(paths)
    assert split.names == [str(path) for path in paths]
    assert split.annotations == {} and set_aside == ()
    assert read_everything(split) == [2]


def test_bad_pictures_to_predict_on_are_set_aside(two_classes):
    split, set_aside = pictures([two_classes / "ants" / "0.png", two_classes / "missing.png"])
    assert len(split) == 1
    assert [each.path for each in set_aside] == [str(two_classes / "missing.png")]
    assert len(pictures([])[0]) == 0
