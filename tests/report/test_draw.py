import numpy as np
import pytest
from PIL import Image

from kerascnn.report.draw import INK, MIN_CAPTION_WIDTH, draw_label, thumbnail, write_picture


def _noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_label_stands_below_an_untouched_picture():
    picture = _noise(120, 200)
    before = picture.copy()
    labelled = draw_label(picture, "bees 99.3%")
    assert labelled.dtype == np.uint8
    assert labelled.shape[1:] == (200, 3)
    np.testing.assert_array_equal(labelled[:120], before)
    np.testing.assert_array_equal(picture, before)
    band = labelled[120:]
    assert (band == 255).any(), "no letters"
    np.testing.assert_array_equal(band[0], np.full((200, 3), INK))


def test_every_line_adds_to_the_band():
    heights = [draw_label(_noise(50, 200), "\n".join(["bees"] * lines)).shape[0] for lines in (1, 2, 3)]
    assert heights[2] - heights[1] == heights[1] - heights[0] > 0


def test_long_line_is_cut_inside_the_picture():
    labelled = draw_label(np.zeros((50, 200, 3), np.uint8), "a very long name " * 20, background=(0, 0, 0))
    band = labelled[50:]
    assert band.any()
    assert not band[:, -3:].any(), "letters run over the edge"


def test_umlauts_have_letters_of_their_own():
    assert not np.array_equal(draw_label(_noise(50, 200), "ä"), draw_label(_noise(50, 200), "ö"))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 300), (300, 1), (33, 47)])
def test_picture_of_odd_size_keeps_its_pixels(height, width):
    picture = _noise(height, width)
    labelled = draw_label(picture, "ants")
    left = (labelled.shape[1] - width) // 2
    assert labelled.shape[1] == max(width, MIN_CAPTION_WIDTH)
    np.testing.assert_array_equal(labelled[:height, left : left + width], picture)


@pytest.mark.parametrize("text", ["", "  \n "])
def test_blank_label_is_refused(text):
    with pytest.raises(ValueError, match="visible character"):
        draw_label(_noise(8, 8), text)


@pytest.mark.parametrize(
    ("height", "width", "small"),
    [(100, 200, (50, 100)), (200, 100, (100, 50)), (30, 20, (30, 20)), (1, 1, (1, 1)), (1, 3000, (1, 100))],
)
def test_thumbnail_keeps_proportions_and_never_enlarges(height, width, small):
    assert thumbnail(_noise(height, width), 100).shape == (*small, 3)


def test_thumbnail_of_one_colour_keeps_it():
    picture = np.full((90, 60, 3), (10, 200, 30), np.uint8)
    np.testing.assert_array_equal(thumbnail(picture, 9), np.full((9, 6, 3), (10, 200, 30)))


@pytest.mark.parametrize("draw", [lambda picture: draw_label(picture, "ants"), lambda picture: thumbnail(picture, 8)])
def test_what_is_no_rgb_picture_is_refused(draw):
    for shape in [(8, 8), (8, 8, 1), (8, 8, 4), (0, 8, 3), (1, 8, 8, 3)]:
        with pytest.raises(ValueError, match=r"\(H, W, 3\)"):
            draw(np.zeros(shape, np.uint8))
    with pytest.raises(TypeError, match=r"uint8.*float32"):
        draw(np.zeros((8, 8, 3), np.float32))
    with pytest.raises(TypeError, match=r"uint8.*list"):
        draw([[[0, 0, 0]]])


def test_thumbnail_needs_a_size():
    with pytest.raises(ValueError, match="at least 1"):
        thumbnail(_noise(8, 8), 0)


def test_written_picture_is_read_back_and_leaves_no_other_file(tmp_path):
    picture = _noise(20, 30)
    path = write_picture(tmp_path / "new" / "a.png", picture)
    np.testing.assert_array_equal(np.asarray(Image.open(path)), picture)
    assert [each.name for each in path.parent.iterdir()] == ["a.png"]


def test_palette_makes_the_file_smaller_and_keeps_the_picture_near(tmp_path):
    picture = np.asarray(Image.fromarray(_noise(6, 8)).resize((160, 120), Image.Resampling.BICUBIC))
    whole, reduced = (write_picture(tmp_path / f"{colors}.png", picture, colors=colors) for colors in (None, 200))
    assert reduced.stat().st_size < 0.6 * whole.stat().st_size
    difference = np.asarray(Image.open(reduced).convert("RGB")).astype(int) - picture
    assert np.abs(difference).mean() < 12


@pytest.mark.parametrize("colors", [0, 1, 257])
def test_palette_out_of_range_is_refused(tmp_path, colors):
    with pytest.raises(ValueError, match=r"2\.\.256"):
        write_picture(tmp_path / "a.png", _noise(8, 8), colors=colors)
    assert not list(tmp_path.iterdir())
