"""The gallery: who is known, who is not, and what is left of whoever was removed."""

import numpy as np
import pytest

from kerascnn.tasks import Comparison, Gallery

DIRECTIONS = {"ann": (1, 0, 0), "bob": (0, 1, 0), "cyd": (0, 0, 1)}


def predict(pictures):
    """Take the mean colour of a picture as its vector."""
    means = pictures.reshape(len(pictures), -1, 3).mean(axis=1).astype("float32")
    return {"embedding": means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-6)}


def picture(color, size=(7, 5)):
    return np.full((*size, 3), color, np.uint8)


def paint(name, other=0):
    return picture([200 * each + other * (1 - each) for each in DIRECTIONS[name]])


@pytest.fixture
def gallery():
    gallery = Gallery(predict, (4, 4), 0.9, network="colours")
    for name in DIRECTIONS:
        gallery.enrol(name, [paint(name)])
    return gallery


def test_people_are_found_and_strangers_are_unknown(gallery):
    (match,) = gallery.identify(paint("bob", 40))
    assert (match.name, match.same, match.threshold) == ("bob", True, 0.9)
    assert match.similarity == pytest.approx(200 / np.sqrt(200**2 + 2 * 40**2), abs=1e-3)
    (stranger,) = gallery.identify(picture((100, 100, 100)))
    assert (stranger.name, stranger.same) == ("unknown", False)
    assert stranger.similarity == pytest.approx(1 / np.sqrt(3), abs=1e-3)


def test_several_are_named_once_each_with_their_best_picture(gallery):
    gallery.enrol("ann", [paint("ann", 20), paint("ann", 30), paint("ann", 50)])
    gallery.threshold = 0.3
    matches = gallery.identify(picture((200, 90, 20)), k=2)
    assert [match.name for match in matches] == ["ann", "bob"]
    assert matches[0].similarity > matches[1].similarity > 0.3
    assert [match.name for match in gallery.identify(paint("ann"), k=99)] == ["ann"]  # the others are below
    gallery.threshold = -1
    assert len(gallery.identify(paint("ann"), k=99)) == 3
    assert len(gallery) == 3


def test_an_empty_gallery_knows_nobody():
    (match,) = Gallery(predict, (4, 4), 0.5).identify(picture((1, 2, 3)))
    assert (match.name, match.same) == ("unknown", False)


def test_pictures_are_verified(gallery):
    assert gallery.verify(paint("ann"), paint("ann", 30)).same
    assert not gallery.verify(paint("ann"), paint("bob")).same


def test_whoever_is_removed_is_gone_for_good(gallery, tmp_path):
    stored, file = "bob".encode("utf-32-le"), tmp_path / "people.npz"  # as NumPy writes text
    gallery.save(file)
    assert stored in file.read_bytes()
    gallery.remove("bob")
    assert gallery.names == ["ann", "cyd"]
    assert gallery.identify(paint("bob"))[0].name == "unknown"
    gallery.save(file)
    assert stored not in file.read_bytes()
    with pytest.raises(KeyError, match=r"Nobody here is called 'bob'\. Known: ann, cyd"):
        gallery.remove("bob")
    for name in ("ann", "cyd"):
        gallery.remove(name)
    assert len(gallery) == 0
    gallery.enrol("bob", [paint("bob")])
    assert gallery.identify(paint("bob"))[0].name == "bob"


def test_a_saved_gallery_answers_the_same(gallery, tmp_path):
    gallery.threshold = 0.8
    gallery.save(tmp_path / "people.npz")
    again = Gallery(predict, (4, 4), 0.5, network="colours")
    again.load(tmp_path / "people.npz")
    assert again.names == gallery.names
    assert again.threshold == 0.8
    assert again.identify(paint("cyd", 10)) == gallery.identify(paint("cyd", 10))


def test_an_empty_gallery_is_saved_too(tmp_path):
    Gallery(predict, (4, 4), 0.5).save(tmp_path / "nobody.npz")
    again = Gallery(predict, (4, 4), 0.5)
    again.load(tmp_path / "nobody.npz")
    assert len(again) == 0


def test_files_that_cannot_be_used_are_refused(gallery, tmp_path):
    with pytest.raises(FileNotFoundError):
        gallery.load(tmp_path / "nothing.npz")
    (tmp_path / "text.npz").write_text("ann")
    np.savez(tmp_path / "others.npz", x=np.zeros(3))
    np.savez(tmp_path / "objects.npz", facts=np.array([object()]))
    facts = '{"version": 1, "network": "colours", "threshold": 0.5}'
    for name, arrays in (("numbers", (np.arange(2), np.eye(2))), ("words", (np.array(["a"]), np.array(["b"])))):
        np.savez(tmp_path / f"{name}.npz", facts=facts, names=arrays[0], vectors=arrays[1])
    for name in ("text", "others", "objects", "numbers", "words"):
        with pytest.raises(ValueError, match="no gallery that can be read"):
            gallery.load(tmp_path / f"{name}.npz")
    gallery.save(tmp_path / "people.npz")
    with pytest.raises(ValueError, match="vectors of the network 'colours'"):
        Gallery(predict, (4, 4), 0.5, network="shapes").load(tmp_path / "people.npz")


def test_what_cannot_be_enrolled_is_refused_and_changes_nothing(gallery):
    for name in ("", "two\nlines", "nul\0", "unknown"):
        with pytest.raises(ValueError, match="A name must be one line"):
            gallery.enrol(name, [paint("ann")])
    with pytest.raises(ValueError, match="At least one picture"):
        gallery.enrol("dan", [])
    with pytest.raises(ValueError, match=r"A picture must be \(H, W, 3\)"):
        gallery.enrol("dan", [np.zeros((4, 4), np.uint8)])
    with pytest.raises(ValueError, match="a vector of 3 numbers"):
        gallery.enrol_vectors(["dan"], np.zeros((1, 5)))
    with pytest.raises(ValueError, match="must have the length 1"):
        gallery.enrol_vectors(["dan"], np.full((1, 3), 100.0))
    with pytest.raises(ValueError, match="must have the length 1"):
        gallery.enrol_vectors(["dan"], np.full((1, 3), np.nan))
    with pytest.raises(ValueError, match="k must be at least 1"):
        gallery.identify(paint("ann"), k=0)
    assert gallery.names == list(DIRECTIONS)


@pytest.mark.parametrize("difference", ["absolute", "chi_square"])
def test_a_learnt_comparison_is_that_of_a_loop(difference):
    rng = np.random.default_rng(0)
    weights, first, second = (rng.normal(size=size).astype("float32") for size in ((6,), (4, 6), (3, 6)))
    found = Comparison(weights, 0.3, difference)(first, second)
    for i, j in np.ndindex(4, 3):
        apart = np.abs(first[i] - second[j])
        if difference == "chi_square":
            apart = apart**2 / (np.abs(first[i]) + np.abs(second[j]))
        assert found[i, j] == pytest.approx(1 / (1 + np.exp(-(apart @ weights + 0.3))), rel=1e-3)
    assert Comparison(weights)(first[:0], second).shape == (0, 3)


def test_many_vectors_are_searched_as_few_are():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(20_000, 16)).astype("float32")
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    gallery = Gallery(predict, (4, 4), 0.1)
    names = [str(number // 2) for number in range(20_000)]
    gallery.enrol_vectors(names, vectors)
    matches = gallery.identify_vector(vectors[777], k=3)
    similarities = vectors @ vectors[777]
    best = {}
    for place in np.argsort(-similarities):
        best.setdefault(names[place], similarities[place])
    assert [match.name for match in matches] == list(best)[:3]
    assert matches[0].name == "388"
