"""The card of a run: card.json, every fact about the run that a program or a person may want later.

This file knows how a card is stored, not what it says: the pipelines fill it, `report.html` shows it.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kerascnn.files import write_file

CARD_NAME = "card.json"


def write_card(folder: str | Path, card: Mapping[str, Any]) -> Path:
    """Write `card` as card.json into a run folder, whole or not at all.

    Keys keep the order in which they are given. NumPy scalars, arrays and tuples become plain numbers and lists.

    Args:
        folder: an existing run folder.
        card: nested mappings (string keys) and sequences of strings, finite numbers, booleans and None.

    Returns:
        The path of the written file.

    Raises:
        ValueError: a number is NaN or infinite, which JSON cannot hold; the message names its key.
        TypeError: a value or a key is of a kind that JSON cannot hold; the message names its key.
        FileNotFoundError: the folder does not exist.
    """
    text = json.dumps(_plain(card, "card"), indent=2, ensure_ascii=False, allow_nan=False)
    return write_file(Path(folder) / CARD_NAME, text + "\n")


def read_card(folder: str | Path) -> dict[str, Any]:
    """Read the card.json of a run folder.

    Args:
        folder: A run folder, as a finished run leaves it.

    Returns:
        The card, as `write_card` was given it (with lists for tuples and arrays).

    Raises:
        FileNotFoundError: the folder holds no card.json.
        ValueError: the file is not JSON, or not a JSON object.
    """
    path = Path(folder) / CARD_NAME
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no {CARD_NAME} in '{folder}'. Give the folder of a finished run: the one that holds "
            f"{CARD_NAME} beside model.keras."
        )
    try:
        card = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors too
        raise ValueError(
            f"'{path}' is not JSON ({error}). Restore it from a copy, or run the training again."
        ) from error
    if not isinstance(card, dict):
        raise ValueError(
            f"'{path}' must hold a JSON object. Received: {type(card).__name__}. Restore it from a copy, or run the "
            "training again."
        )
    return card


def _plain(value: Any, key: str) -> Any:
    """Return `value` in JSON's own types; `key` is its path inside the card, for the error messages."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{key} must be a finite number, JSON knows no other. Received: {value}.")
        return value
    if isinstance(value, Mapping):
        return {_checked_name(name, key): _plain(item, f"{key}.{name}") for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{key}[{index}]") for index, item in enumerate(value)]
    raise TypeError(
        f"{key} must be a mapping, a sequence, a string, a number, a boolean or None. Received: {type(value).__name__}."
    )


def _checked_name(name: Any, key: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"{key} must have strings as keys. Received: {name!r}.")
    return name


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is no number in JSON")
