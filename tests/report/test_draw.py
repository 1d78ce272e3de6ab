import numpy as np
import pytest

from kerascnn.report.draw import INK, MIN_CAPTION_WIDTH, draw_label, thumbnail


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
