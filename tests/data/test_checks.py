"""The data doctor: what is damaged is told by name, and what passes decodes."""

import hashlib
import os

import pytest
from PIL import Image

from kerascnn.data import checks
from kerascnn.data.checks import Checked, UnusableError, check_files, check_picture


def test_a_good_picture_is_plain_and_has_the_digest_of_its_bytes(encode):
    data = encode("JPEG", size=(24, 32))
    assert check_picture(data) == Checked(True, hashlib.sha256(data).hexdigest(), (24, 32), 1)


@pytest.mark.parametrize("picture_format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize(("orientation", "size"), [(1, (24, 32)), (3, (24, 32)), (6, (32, 24)), (8, (32, 24))])
def test_the_size_is_that_of_the_upright_picture(encode, picture_format, orientation, size):
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = check_picture(encode(picture_format, size=(24, 32), exif=exif))
    assert (found.size, found.orientation) == (size, orientation)


def test_a_picture_that_only_pillow_reads_is_not_plain(encode):
    assert not check_picture(encode("GIF")).plain


@pytest.mark.parametrize("picture_format", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"])
def test_every_format_passes_whole_and_fails_cut_in_half(encode, picture_format):
    data = encode(picture_format, size=(60, 60))
    check_picture(data)
    with pytest.raises(UnusableError, match=r"damaged|not a picture"):
        check_picture(data[: len(data) // 2])


def test_a_format_is_known_whatever_was_opened_before(encode):
    # Pillow registers its formats one by one as it needs them.
    for picture_format in ("PNG", "TIFF", "JPEG", "WEBP", "PNG"):
        check_picture(encode(picture_format))


@pytest.mark.parametrize(("data", "reason"), [(b"", "empty"), (b"\xff", "not a picture"), (b"<html>", "not a picture")])
def test_the_reason_says_what_is_wrong(data, reason):
    with pytest.raises(UnusableError, match=reason):
        check_picture(data)


@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_a_wrong_checksum_of_the_pixels_is_damage(encode, mode):
    data = bytearray(encode("PNG", mode))
    start = data.index(b"IDAT")
    data[start + 4 + int.from_bytes(data[start - 4 : start], "big")] ^= 1
    with pytest.raises(UnusableError, match="damaged"):
        check_picture(bytes(data))


@pytest.mark.parametrize("picture_format", ["JPEG", "PNG", "GIF"])
def test_the_limit_of_pixels_is_inclusive(encode, picture_format):
    data = encode(picture_format, size=(4, 5))
    check_picture(data, max_pixels=20)
    with pytest.raises(UnusableError, match="5 x 4 is over the limit of 19"):
        check_picture(data, max_pixels=19)


def test_a_picture_over_the_limit_is_not_decoded(encode, monkeypatch):
    monkeypatch.setattr(checks, "is_plain", lambda _: pytest.fail("decoded"))
    with pytest.raises(UnusableError, match="too large"):
        check_picture(encode("PNG"), max_pixels=1)


def test_files_are_answered_in_their_order(tmp_path, encode):
    paths = [tmp_path / str(number) for number in range(20)]
    for number, path in enumerate(paths):
        path.write_bytes(encode(seed=number) if number % 3 else b"")
    found = check_files(paths)
    for number, (path, each) in enumerate(zip(paths, found, strict=True)):
        if number % 3:
            assert each.digest == hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            assert "empty" in str(each)


def test_no_files_are_no_answers():
    assert check_files([]) == []


def test_a_folder_a_pipe_a_missing_file_and_a_broken_link_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    found = check_files([tmp_path / name for name in ("folder", "pipe", "missing", "link")])
    assert [str(each) for each in found] == [
        "not a regular file",
        "not a regular file",
        "not there",
        "a link to nothing",
    ]


def test_a_file_that_cannot_be_read_is_set_aside(tmp_path, encode, monkeypatch):
    (tmp_path / "1.png").write_bytes(encode())

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(type(tmp_path), "read_bytes", refuse)
    assert "Permission denied" in str(check_files([tmp_path / "1.png"])[0])


def test_many_files_show_a_progress_bar(tmp_path, encode, monkeypatch, capsys):
    monkeypatch.setattr(checks, "MANY", 2)
    (tmp_path / "1.png").write_bytes(encode())
    check_files([tmp_path / "1.png"])
    assert capsys.readouterr().out == ""
    check_files([tmp_path / "1.png"] * 2)
    assert "Checking pictures" in capsys.readouterr().out


def test_the_photos_of_an_iphone_are_named_with_the_remedy():
    with pytest.raises(UnusableError, match=r"HEIC.*export it as JPEG"):
        check_picture(b"\x00\x00\x00\x18ftypheic" + bytes(100))
