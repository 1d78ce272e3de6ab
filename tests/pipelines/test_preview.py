"""preview.py: a sheet and a table, for presets, for all augmentations, and for pictures of several sizes."""

import importlib
import inspect

import numpy as np
import pytest
from PIL import Image

from kerascnn.data import augment
from tests.pipelines.conftest import PIPELINES

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


def test_an_unknown_preset_is_said_in_a_sentence(run, workplace):
    outcome = run("preview.py", "--augment", "extreme", "--output", "refused.png")
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


def test_boxes_and_masks_are_drawn_unless_told_otherwise(preview, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(preview, "draw_annotation", lambda image, **given: drawn.append(set(given)) or image)
    config = preview.Config(smoke=True, augment="none", columns=1, output=tmp_path / "a.png")
    preview.main(config)
    assert drawn == [{"boxes", "class_ids", "mask"}] * 4


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


def test_a_folder_of_pictures_of_several_sizes(preview, tmp_path, folder):
    output = tmp_path / "folder.png"
    settings = {"augment": "strong", "image_size": (40, 60), "rows": 3, "columns": 2, "seconds": 0.05}
    assert preview.main(preview.Config(data=str(folder), output=output, **settings)) == 0
    height, width = read(output).shape[:2]
    assert 3 * 60 < width < 4 * 60 and 3 * 40 < height < 4 * 40


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data": "scenes/huge"}, "scenes comes as full, tiny"),
        ({"pictures": (5, 1000)}, r"numbers 0\.\.999"),
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
