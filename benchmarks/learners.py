"""The contenders of transfer.py, each in a process of its own: `learners.py NAME FOLDER NETWORK EPOCHS SEED`.

Each trains a head of two classes on a frozen network, and prints as JSON the seconds that it took, without the imports,
and the best accuracy on the validation photos.
"""

import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

SIDE, BATCH_SIZE, RATE = 160, 32, 1e-3
WEIGHTS = {"mobilenet_v2": "stanford_dogs", "resnet50": None}


def train_kerascnn(folder: str, network: str, epochs: int, seed: int) -> tuple[float, float]:
    """Our stages: the frozen part runs once."""
    import keras

    from kerascnn.data import folder as read_folder
    from kerascnn.data import pipeline
    from kerascnn.tasks import classification
    from kerascnn.training import fit, transfer

    start = time.perf_counter()
    keras.utils.set_random_seed(seed)
    source = read_folder(folder)
    task = classification(network, source.classes, image_size=(SIDE, SIDE), weights=WEIGHTS[network])
    train, valid = pipeline(source.train, task, seed=seed), pipeline(source.valid, task)
    history = fit(task, train, valid, transfer(epochs, 0, head_learning_rate=RATE), verbose=0)
    return time.perf_counter() - start, max(row["val_accuracy"] for row in history.rows)


def train_keras(folder: str, network: str, epochs: int, seed: int) -> tuple[float, float]:
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
    base.trainable = False
    inputs = keras.Input((SIDE, SIDE, 3))
    x = base(module.preprocess_input(inputs), training=False)
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(RATE), loss, metrics=["accuracy"])
    history = model.fit(train, validation_data=valid, epochs=epochs, verbose=0).history
    return time.perf_counter() - start, max(history["val_accuracy"])


def train_pytorch(folder: str, network: str, epochs: int, seed: int) -> tuple[float, float]:
    """The usual loop, channels last, two workers; the frozen part in inference mode without gradients."""
    import torch
    from torchvision import datasets, models, transforms

    start = time.perf_counter()
    torch.manual_seed(seed)
    shape = transforms.Compose([transforms.Resize((SIDE, SIDE)), transforms.ToTensor()])
    loaders = {
        split: torch.utils.data.DataLoader(
            datasets.ImageFolder(f"{folder}/{split}", shape),
            BATCH_SIZE,
            shuffle=split == "train",
            num_workers=2,
            persistent_workers=True,
        )
        for split in ("train", "val")
    }
    model = getattr(models, network)()
    head_name = "classifier" if network == "mobilenet_v2" else "fc"
    features = {"mobilenet_v2": 1280, "resnet50": 2048}[network]
    head = torch.nn.Linear(features, 2)
    setattr(model, head_name, torch.nn.Identity())
    model = model.to(memory_format=torch.channels_last).eval()
    optimizer = torch.optim.Adam(head.parameters(), RATE)
    accuracies = []
    for _ in range(epochs):
        for images, labels in loaders["train"]:
            with torch.no_grad():
                x = model(images.contiguous(memory_format=torch.channels_last))
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(head(x), labels).backward()
            optimizer.step()
        with torch.no_grad():
            right = [
                (head(model(images.contiguous(memory_format=torch.channels_last))).argmax(-1) == labels).float()
                for images, labels in loaders["val"]
            ]
        accuracies.append(float(torch.cat(right).mean()))
    return time.perf_counter() - start, max(accuracies)


LEARNERS = {"kerascnn": train_kerascnn, "keras": train_keras, "pytorch": train_pytorch}

if __name__ == "__main__":
    name, folder, network, epochs, seed = sys.argv[1:]
    seconds, accuracy = LEARNERS[name](folder, network, int(epochs), int(seed))
    print(json.dumps({"seconds": seconds, "accuracy": accuracy}))
