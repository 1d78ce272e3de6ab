"""The contenders of transfer.py, each in a process of its own: `learners.py NAME JOB FOLDER NETWORK EPOCHS SEED`.

JOB is `head`, the head of two classes on a frozen network, or `fine-tune`, the head and the last layers of the network,
with pictures mirrored at random. Prints as JSON the seconds that it took, without the imports, and the best accuracy on
the validation photos.
"""

import json
import os
import sys
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

SIDE, BATCH_SIZE = 160, 32
RATES = {"head": 1e-3, "fine-tune": 1e-4}
WEIGHTS = {"mobilenet_v2": "stanford_dogs", "resnet50": None}
# The first layer with weights that is fine-tuned: of MobileNetV2, 100 layers are before it in keras.applications.
FIRST_TUNED = {"mobilenet_v2": "block_11_depthwise", "resnet50": "conv5_block1_1_conv"}


def train_kerascnn(job: str, folder: str, network: str, epochs: int, seed: int) -> tuple[float, float]:
    """Our stages: the frozen part runs once, or beside the training."""
    import keras

    from kerascnn.data import folder as read_folder
    from kerascnn.data import mirror, pipeline
    from kerascnn.tasks import classification
    from kerascnn.training import Stage, fit

    start = time.perf_counter()
    keras.utils.set_random_seed(seed)
    source = read_folder(folder)
    task = classification(network, source.classes, image_size=(SIDE, SIDE), weights=WEIGHTS[network])
    augment = [mirror()] if job == "fine-tune" else []
    train, valid = pipeline(source.train, task, augment=augment, seed=seed), pipeline(source.valid, task)
    stage = Stage("head" if job == "head" else FIRST_TUNED[network], epochs, RATES[job])
    history = fit(task, train, valid, [stage], verbose=0)
    return time.perf_counter() - start, max(row["val_accuracy"] for row in history.rows)


def train_keras(job: str, folder: str, network: str, epochs: int, seed: int) -> tuple[float, float]:
    """The recipe of Keras' guide to transfer learning."""
    import keras

    from kerascnn.architectures import load_weights

    start = time.perf_counter()
    keras.utils.set_random_seed(seed)
    options = {"image_size": (SIDE, SIDE), "batch_size": BATCH_SIZE, "verbose": False}
    train = keras.utils.image_dataset_from_directory(f"{folder}/train", seed=seed, **options).prefetch(2)
    valid = keras.utils.image_dataset_from_directory(f"{folder}/val", shuffle=False, **options).prefetch(2)
    module, build = {
        "mobilenet_v2": (keras.applications.mobilenet_v2, keras.applications.MobileNetV2),
        "resnet50": (keras.applications.resnet50, keras.applications.ResNet50),
    }[network]
    base = build(input_shape=(SIDE, SIDE, 3), include_top=False, weights=None, name=network)
    if WEIGHTS[network] is not None:
        load_weights(base, WEIGHTS[network])
    inputs = x = keras.Input((SIDE, SIDE, 3))
    if job == "head":
        base.trainable = False
    else:
        first = [layer.name for layer in base.layers].index(FIRST_TUNED[network])
        for layer in base.layers[:first]:
            layer.trainable = False
        x = keras.layers.RandomFlip("horizontal", seed=seed)(x)
    x = base(module.preprocess_input(x), training=False)
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(RATES[job]), loss, metrics=["accuracy"])
    history = model.fit(train, validation_data=valid, epochs=epochs, verbose=0).history
    return time.perf_counter() - start, max(history["val_accuracy"])


def train_pytorch(job: str, folder: str, network: str, epochs: int, seed: int) -> tuple[float, float]:
    """The usual loop, channels last, two workers; the frozen part in inference mode without gradients."""
    import torch
    from torchvision import datasets, models, transforms

    start = time.perf_counter()
    torch.manual_seed(seed)
    steps = [transforms.Resize((SIDE, SIDE)), transforms.ToTensor()]
    mirrored = [transforms.RandomHorizontalFlip()] if job == "fine-tune" else []
    loaders = {
        split: torch.utils.data.DataLoader(
            datasets.ImageFolder(f"{folder}/{split}", transforms.Compose([*steps, *changes])),
            BATCH_SIZE,
            shuffle=split == "train",
            num_workers=2,
            persistent_workers=True,
        )
        for split, changes in (("train", mirrored), ("val", []))
    }
    trunk, tail = divide_pytorch(job, network, getattr(models, network)())
    for part in (trunk, tail):
        part.to(memory_format=torch.channels_last).eval()  # batch normalisations too, as in the other recipes
    optimizer = torch.optim.Adam(tail.parameters(), RATES[job])

    def forward(images: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            x = trunk(images.contiguous(memory_format=torch.channels_last))
        return tail(x)

    accuracies = []
    for _ in range(epochs):
        for images, labels in loaders["train"]:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(forward(images), labels).backward()
            optimizer.step()
        with torch.no_grad():
            right = [(forward(images).argmax(-1) == labels).float() for images, labels in loaders["val"]]
        accuracies.append(float(torch.cat(right).mean()))
    return time.perf_counter() - start, max(accuracies)


def divide_pytorch(job: str, network: str, model: Any) -> tuple[Any, Any]:
    """Divide torchvision's network into what is frozen and what trains, with a new head."""
    from torch import nn

    if network == "mobilenet_v2":
        blocks, features = [*model.features], 1280
        frozen = 12 if job == "fine-tune" else len(blocks)  # its block 12 is Keras' block_11, expansion included
    else:
        blocks = [model.conv1, model.bn1, model.relu, model.maxpool]
        blocks += [model.layer1, model.layer2, model.layer3, model.layer4]
        frozen, features = len(blocks) - (job == "fine-tune"), 2048
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(features, 2)]
    return nn.Sequential(*blocks[:frozen]), nn.Sequential(*blocks[frozen:], *head)


LEARNERS = {"kerascnn": train_kerascnn, "keras": train_keras, "pytorch": train_pytorch}

if __name__ == "__main__":
    name, job, folder, network, epochs, seed = sys.argv[1:]
    seconds, accuracy = LEARNERS[name](job, folder, network, int(epochs), int(seed))
    print(json.dumps({"seconds": seconds, "accuracy": accuracy}))
