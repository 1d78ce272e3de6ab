"""preview.py: a sheet and a table, for presets, for all augmentations, and for pictures of several sizes."""

import importlib
import inspect

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerascnn.data import Source, Split, augment
from tests.data.sources.writers import write_voc
from tests.pipelines.conftest import PIPELINES, encode

NO_AUGMENTATION = {"compose", "measure_colors", "mix", "preset", "swap_sides"}


def read(path):
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.fixture
def preview(monkeypatch):
    """The script, in this process, which saves half a minute of imports a test."""
    monkeypatch.syspath_prepend(PIPELINES)
    return importlib.import_module("preview")


def every_name():
    """The factories of the package's augmentations."""
    public = {name for name in augment.__all__ if inspect.isfunction(getattr(augment, name))}
    return public - NO_AUGMENTATION


def test_smoke_writes_a_sheet_and_prints_the_rate_of_each_step(run, workplace):
    outcome = run("preview.py", "--smoke", "--output", "sheets/smoke.png")
    assert outcome.returncode == 0, outcome.stderr
    height, width = read(workplace / "sheets" / "smoke.png").shape[:2]
    assert width > 7 * 160 and height > 2 * 160
    names = ["stretched only", "mirror", "random_crop", "rotate", "color_jitter", "pca_color", "all together"]
    rows = [line for line in outcome.stdout.splitlines() if line.startswith("│")]
    assert [next(name for name in names if name in row) for row in rows] == names
    assert all(float(row.split("│")[2].replace(",", "")) > 0 for row in rows)
    assert [each.name for each in (workplace / "sheets").iterdir()] == ["smoke.png"]


def test_an_unknown_preset_is_said_in_a_sentence(call, workplace):
    outcome = call("preview.py", "--augment", "extreme", "--output", "refused.png")
    assert outcome.returncode == 2
    assert "The presets are none, mirror, light" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert not (workplace / "refused.png").exists()


def test_all_shows_every_augmentation_in_a_small_file(preview, tmp_path, capsys):
    output = tmp_path / "all.png"
    config = preview.Config(smoke=True, augment="all", image_size=(64, 64), colors=128, output=output)
    assert preview.main(config) == 0
    printed = capsys.readouterr().out
    shown = {line.split("│")[1].strip() for line in printed.splitlines() if line.startswith("│")}
    assert shown == {"stretched only", *every_name()}
    assert output.stat().st_size < 300_000


def test_the_same_seed_gives_the_same_sheet_and_another_another(preview, tmp_path):
    for name, seed in (("first", 3), ("again", 3), ("other", 4)):
        output = tmp_path / f"{name}.png"
        config = preview.Config(smoke=True, augment="light", image_size=(48, 48), columns=2, seed=seed, output=output)
        assert preview.main(config) == 0
    first, again, other = (read(tmp_path / f"{name}.png") for name in ("first", "again", "other"))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.fixture
def drawn(preview, monkeypatch):
    """The pictures that were drawn, each with its annotation."""
    drawn = []
    monkeypatch.setattr(preview, "draw_annotation", lambda image, **given: drawn.append((image, given)) or image)
    return drawn


def test_boxes_and_masks_of_scenes_are_drawn(preview, drawn, tmp_path):
    preview.main(preview.Config(smoke=True, augment="none", columns=1, output=tmp_path / "a.png"))
    assert [set(given) for _, given in drawn] == [{"boxes", "class_ids", "mask"}] * 4


def test_boxes_of_files_are_drawn_on_the_augmented_pictures(preview, drawn, tmp_path):
    write_voc(tmp_path / "voc", encode)
    data, output = f"voc:{tmp_path / 'voc'}", tmp_path / "a.png"
    settings = {"image_size": (20, 30), "columns": 6, "seconds": 0.01, "output": output}
    preview.main(preview.Config(data=data, augment="mirror", pictures=(0,), **settings))
    (picture, before), *others = drawn
    assert set(before) == {"boxes", "class_ids"} and len(before["boxes"]) > 0
    for image, given in others:
        mirrored = np.array_equal(image, picture[:, ::-1])
        assert mirrored or np.array_equal(image, picture)
        x1, y1, x2, y2 = before["boxes"].T
        expected = np.stack([30 - x2, y1, 30 - x1, y2] if mirrored else [x1, y1, x2, y2], axis=-1)
        np.testing.assert_allclose(given["boxes"], expected, atol=1e-4)


def test_landmarks_change_sides_in_a_mirrored_picture(preview, drawn, tmp_path, monkeypatch):
    sample = {"landmarks": np.float32([[5, 5], [14, 6], [9, 12]]), "visibility": np.int32([1, 1, 0])}
    image = np.arange(20 * 20 * 3, dtype=np.uint8).reshape(20, 20, 3)
    annotations = {key: value[np.newaxis] for key, value in sample.items()}
    split = Split(["0"], annotations, ["0"], lambda index: {"image": tf.constant(image)} | sample)
    source = Source("faces", ("left_eye", "right_eye", "nose"), split, split)
    monkeypatch.setattr(preview, "open_source", lambda *_, annotation, **__: source if annotation is None else None)
    for steps in ("all", "mirror"):
        drawn.clear()
        settings = {"image_size": (20, 20), "columns": 8, "seconds": 0.01, "output": tmp_path / "a.png"}
        preview.main(preview.Config(data="faces", augment=steps, **settings))
        mirrored = [given for picture, given in drawn if np.array_equal(picture, image[:, ::-1])]
        assert mirrored
        for given in mirrored:
            np.testing.assert_allclose(given["landmarks"], [[6, 6], [15, 5], [11, 12]], atol=1e-4)
            assert given["visibility"].tolist() == [1, 1, 0]


@pytest.fixture
def folder(tmp_path):
    """Two classes of pictures of several sizes, without annotation."""
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        place = tmp_path / "sizes" / name
        place.mkdir(parents=True)
        for number in range(4):
            pixels = rng.integers(0, 256, (30 + 7 * number, 50, 3), np.uint8)
            Image.fromarray(pixels).save(place / f"{number}.png")
    return tmp_path / "sizes"


def test_a_folder_of_pictures_of_several_sizes_has_nothing_to_draw(preview, drawn, tmp_path, folder):
    output = tmp_path / "folder.png"
    settings = {"augment": "strong", "image_size": (40, 60), "rows": 3, "columns": 2, "seconds": 0.05}
    assert preview.main(preview.Config(data=str(folder), output=output, **settings)) == 0
    assert {len(given) for _, given in drawn} == {0}
    height, width = read(output).shape[:2]
    assert 3 * 60 < width < 4 * 60 and 3 * 40 < height < 4 * 40


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data": "scenes/huge"}, "scenes comes as full, tiny"),
        ({"pictures": (5, 1000)}, r"numbers 0\.\.999"),
        ({"data": "faces", "annotation": "boxes"}, "faces has landmarks"),
        ({"rows": 0}, "at least 1"),
        ({"seconds": 0}, "seconds above 0"),
        ({"colors": 300, "augment": "none", "columns": 1}, r"2\.\.256"),
    ],
)
def test_what_cannot_be_shown_is_refused(preview, tmp_path, settings, message):
    output = tmp_path / "refused.png"
    with pytest.raises(ValueError, match=message):
        preview.main(preview.Config(output=output, **settings))
    assert not output.exists()
