"""Opening a run folder again: its task, its card, its history, its data, and any of its models."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from os import cpu_count
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerascnn.architectures import RELEASES
from kerascnn.data import Source, open_source, selective_search, with_proposals
from kerascnn.data.proposals import clean_proposals
from kerascnn.data.resize import resize_sample
from kerascnn.export import MODEL_FILE, PRECISIONS, Reference, TFLiteModel, tflite_name
from kerascnn.report import read_card, read_history
from kerascnn.tasks import TASKS, Task, load_task
from kerascnn.training import History

logger = logging.getLogger(__name__)

NEEDED = ("task", "classes", "architecture", "stages", "best_epoch", "interrupted")  # keys of a card

Batches = Iterable[tuple[np.ndarray, np.ndarray]]


def read_network(weights: str | Path | None) -> dict[str, Any]:
    """Read from the card of a run folder which network its weights are of.

    Args:
        weights: as `kerascnn.architectures.load_weights` takes them.

    Returns:
        Its `architecture`, `options` and `image_size`; nothing if the weights are no run folder's.
    """
    if weights is None or str(weights) in RELEASES or not (Path(weights) / "card.json").is_file():
        return {}
    card = read_card(weights)
    return {"options": {}} | {key: card[key] for key in ("architecture", "options", "image_size") if key in card}


def open_data(card: Mapping[str, Any], data: str | None = None) -> Source:
    """Open the data of a run again, or other data for it.

    Args:
        card: the card of the run.
        data: as `open_source` takes it; None is what the run was trained on.

    Raises:
        ValueError: if the data have other classes than the run, for a run of windows, or see `open_source`.
    """
    if "detection" in card:
        raise ValueError(
            "The windows that this run was trained on are not kept: evaluate.py measures its detector on pictures."
        )
    task = TASKS[card["task"]]
    source = _open_again(card, data, card["seed"], task.annotation, task.score_name)
    return propose_as(card["proposals"], source) if card.get("proposals") else source


def propose_as(settings: Mapping[str, Any], source: Source, *, cache: str | Path | None = None) -> Source:
    """Give every picture of a data set the proposals of a selective search, see `with_proposals`.

    Args:
        settings: what `kerascnn.data.selective_search` is given, as a run's card holds it.
        source: of pictures.
        cache: a folder in which proposals are kept for other runs.
    """
    search, count = partial(selective_search, **settings), settings["max_proposals"]
    key = f"selective search {dict(settings)}"
    return with_proposals(source, search, max_proposals=count, cache=cache, key=key)


def open_pictures(card: Mapping[str, Any], data: str | None = None) -> Source:
    """Open the pictures that a run of windows was cut from again, or others that its detector is to look at.

    Args:
        card: the card of the run; its `detection` holds `classes` and `data` as the card itself does.
        data: see `open_data`.

    Raises:
        ValueError: for a run without a detector, if the pictures have other classes than it, or see `open_source`.
    """
    if "detection" not in card:
        raise ValueError(f"A run of windows has a detector. This is one of {card['task']}: open its data instead.")
    return _open_again(card["detection"], data, card["seed"], "boxes", "AP50")


def _open_again(facts: Mapping[str, Any], data: str | None, seed: int, annotation: str, score_name: str) -> Source:
    source = open_source(data or facts["data"]["source"], seed=seed, annotation=annotation)
    if list(source.classes) != list(facts["classes"]):
        found, known = (", ".join(classes) for classes in (source.classes, facts["classes"]))
        raise ValueError(f"{source.name} has the classes {found}, and the run knows {known}.")
    if data is None and source.fingerprint != facts["data"]["fingerprint"]:
        logger.warning(
            "%s has changed since the run: pictures that it was trained on may be in the validation split now, and "
            "the %s too high.",
            source.name,
            score_name,
        )
    return source


def open_run(path: str | Path) -> tuple[Task, dict[str, Any], History]:
    """Open a run folder: the trained task, the card, and the history.

    Raises:
        FileNotFoundError: if it is not a run folder.
        ValueError: for a card or a model that cannot be read.
    """
    folder = Path(path)
    card = read_card(folder)
    missing = [key for key in NEEDED if key not in card]
    if missing:
        raise ValueError(f"The card.json of {folder} lacks {', '.join(missing)}: it is not that of a finished run.")
    task = load_task(folder / MODEL_FILE, card["task"], card["classes"], loss_options=card.get("loss_options"))
    task = replace(task, architecture=card["architecture"], options=card.get("options", {}), **card.get("chosen", {}))
    card = {"score_name": task.score_name, "monitor": task.monitor} | card  # cards of version 1 lack them
    return task, card, History(read_history(folder), card["stages"], card["best_epoch"], card["interrupted"])


def load_predictor(path: str | Path, task: Task, model: str) -> Callable[[Batches], Reference]:
    """Load one of the models of a run to predict with.

    Args:
        path: the run folder.
        task: as `open_run` gave it.
        model: `keras`, or a precision of `kerascnn.export.PRECISIONS`.

    Returns:
        A function of batches of (pictures, targets) to these and the model's outputs.

    Raises:
        ValueError: for an unknown model.
        FileNotFoundError: if the run has no file of that precision, because it missed its budget.
    """
    if model == "keras":
        return partial(Reference.of, task)
    file = _open_file(path, model)
    return partial(Reference.from_predictor, lambda inputs: task.condense(file.predict(inputs)))


def load_network(path: str | Path, task: Task, model: str) -> Callable[[Any], Mapping[str, np.ndarray]]:
    """Load one of the models of a run as a function of its inputs, with a batch axis, to its named outputs.

    Args:
        path: see `load_predictor`.
        task: likewise.
        model: likewise.

    Raises:
        As `load_predictor`.
    """
    return task.serving_model().predict_on_batch if model == "keras" else _open_file(path, model).predict


def load_answerer(path: str | Path, task: Task, model: str) -> Callable[[np.ndarray], Any]:
    """Load one of the models of a run to ask about one picture after another, such as the frames of a video.

    Args:
        path: see `load_predictor`.
        task: likewise.
        model: likewise.

    Returns:
        A function of a picture (H, W, 3) uint8, RGB, of any size, to a result of `kerascnn.results` in its pixels.

    Raises:
        As `load_predictor`.
    """
    predict = load_network(path, task, model)
    search = read_card(path).get("proposals")

    def answer(picture: np.ndarray) -> Any:
        sample = {"image": picture}
        if search:
            found = clean_proposals(selective_search(picture, **search), picture.shape[:2])
            missing = search["max_proposals"] - len(found)  # filled up, so that one shape is compiled
            sample["proposals"] = np.pad(found, [(0, missing), (0, 0)])
        inputs = task.inputs(resize_sample(sample, task.image_size))
        batch = keras.tree.map_structure(lambda each: np.asarray(each)[np.newaxis], inputs)
        (result,) = task.answers(task.condense(predict(batch)), [picture.shape[:2]])
        return result

    return answer


def _open_file(path: str | Path, precision: str) -> TFLiteModel:
    if precision not in PRECISIONS:
        raise ValueError(f"model must be keras or one of {', '.join(PRECISIONS)}. Received: {precision!r}.")
    file = Path(path) / tflite_name(precision)
    if not file.exists():
        raise FileNotFoundError(f"There is no {file}: it missed its budget, or was removed. See the run's report.")
    return TFLiteModel(file.read_bytes(), num_threads=cpu_count() or 1)
