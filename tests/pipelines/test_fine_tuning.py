"""What scripts that start from trained weights take from a run folder: its network, unless told otherwise."""

import importlib
import json
from types import SimpleNamespace

import pytest

from tests.pipelines.conftest import PIPELINES

RUN = {"architecture": "mobilenet_v1", "image_size": [64, 96], "options": {"alpha": 0.5, "dropout": 0.1}}
# By script: what makes its task, the image size without a run, the dropout that it sets.
SCRIPTS = {
    "finetune": ("classification", (160, 160), 0.2),
    "train_localizer": ("localization", (128, 128), 0.2),
    "train_landmarks": ("landmarks", (112, 112), 0.0),
}


@pytest.fixture
def weights(tmp_path):
    """A run folder, of which only the card is looked at."""
    (tmp_path / "card.json").write_text(json.dumps(RUN))
    return str(tmp_path)


@pytest.fixture(params=SCRIPTS)
def build(request, monkeypatch):
    """A function from settings of a script to the architecture, the image size and the options of its network."""
    monkeypatch.syspath_prepend(PIPELINES)
    script, classifiers = (importlib.import_module(name) for name in (request.param, "classifiers"))
    maker, *defaults = SCRIPTS[request.param]

    def make(architecture, classes, *, image_size, weights, label_smoothing=0, loss_options=None, **options):
        return architecture, image_size, options

    for module in (script, classifiers):
        monkeypatch.setattr(module, maker, make, raising=False)
        task = lambda config, make_task, *_, **__: make_task(SimpleNamespace(classes=("a", "b")))  # noqa: E731
        monkeypatch.setattr(module, "train", task, raising=False)
    return SimpleNamespace(of=lambda **settings: script.main(script.Config(**settings)), defaults=defaults)


def test_the_network_is_that_of_the_run_folder(build, weights):
    _, dropout = build.defaults
    assert build.of(weights=weights) == ("mobilenet_v1", (64, 96), {"alpha": 0.5, "dropout": dropout})
    assert build.of(weights=weights, dropout=None)[2] == {"alpha": 0.5, "dropout": 0.1}


def test_what_is_given_goes_before_what_the_run_had(build, weights):
    _, dropout = build.defaults
    assert build.of(weights=weights, image_size=(32, 32), options={"alpha": 1.0}) == (
        "mobilenet_v1",
        (32, 32),
        {"alpha": 1.0, "dropout": dropout},
    )
    assert build.of(weights=weights, options={"dropout": 0.4})[2] == {"alpha": 0.5, "dropout": 0.4}


def test_options_of_another_architecture_are_not_taken(build, weights):
    _, dropout = build.defaults
    assert build.of(weights=weights, architecture="vgg16") == ("vgg16", (64, 96), {"dropout": dropout})


@pytest.mark.parametrize("weights", ["none", "stanford_dogs"])
def test_without_a_run_folder_the_script_has_its_own(build, weights):
    image_size, dropout = build.defaults
    assert build.of(weights=weights) == ("mobilenet_v2", image_size, {"dropout": dropout})
    assert build.of(weights=weights, dropout=None)[2] == {}


def test_an_option_that_the_network_does_not_have_is_refused(build, weights):
    with pytest.raises(ValueError, match=r"mobilenet_v1 has the options .*alpha.*depth"):
        build.of(weights=weights, options={"depth": 3})
