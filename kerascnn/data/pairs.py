"""Pairs of pictures to verify, in the format of Labeled Faces in the Wild.

The first line is the number of folds and of pairs of each kind in a fold, or the latter alone, where there is one
fold. A line `NAME 1 4` is a pair of one person, `NAME 1 OTHER 3` one of two; first those of a person, then the others,
fold after fold. Picture 4 of NAME is the file NAME/NAME_0004.jpg.

Huang et al. 2007, "Labeled Faces in the Wild", section 4.2; `pairs.txt` and `pairsDevTrain.txt`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerascnn.data.sources.files import PICTURE_SUFFIXES, read_lines

Line = tuple[str, int, str, int]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of picture files.

    Attributes:
        files: different ones.
        places: (P, 2), which two of them.
        same: (P,) bool, whether they are of the same person.
        folds: (P,), the fold of each pair, from 0.
    """

    files: tuple[Path, ...]
    places: np.ndarray
    same: np.ndarray
    folds: np.ndarray

    def __len__(self) -> int:
        return len(self.same)


def read_pairs(file: str | Path, folder: str | Path) -> Pairs:
    """Read a list of pairs.

    Args:
        file: the list.
        folder: of the pictures, with a folder for each person.

    Raises:
        FileNotFoundError: if the list or a picture is not there.
        ValueError: for a line that is no pair, or another number of pairs than the first line says.
    """
    path, root = Path(file), Path(folder)
    first, *rest = [line.split() for line in read_lines(path)] or [[]]
    if len(first) not in (1, 2) or not all(word.isdecimal() for word in first):
        raise ValueError(f"{path} must begin with the number of folds and of pairs. Received: {' '.join(first)!r}.")
    folds, count = map(int, first if len(first) == 2 else ["1", *first])
    if len(rest) != 2 * folds * count or not rest:
        raise ValueError(f"{path} must have {2 * folds * count} pairs, as its first line says. It has {len(rest)}.")
    lines = [_parse(path, number, words) for number, words in enumerate(rest, 2)]
    kinds = np.tile(np.repeat([True, False], count), folds)
    for number, (line, same) in enumerate(zip(lines, kinds, strict=True), 2):
        if (line[0] == line[2]) != same:
            kind = "of one person" if same else "of two people"
            raise ValueError(f"{path}, line {number}: a pair {kind} was to come here. Received: {line[0]}, {line[2]}.")
    numbers: dict[tuple[str, int], int] = {}
    for name, picture, other, another in lines:
        for each in ((name, picture), (other, another)):
            numbers.setdefault(each, len(numbers))
    places = np.array([[numbers[line[:2]], numbers[line[2:]]] for line in lines])
    files = tuple(_find(root, name, number) for name, number in numbers)
    return Pairs(files, places, kinds, np.repeat(np.arange(folds), 2 * count))


def _parse(path: Path, number: int, words: list[str]) -> Line:
    if len(words) == 3 and words[1].isdecimal() and words[2].isdecimal():
        if int(words[1]) == int(words[2]):
            raise ValueError(f"{path}, line {number}: a picture is no pair with itself. Received: {' '.join(words)!r}.")
        return words[0], int(words[1]), words[0], int(words[2])
    if len(words) == 4 and words[1].isdecimal() and words[3].isdecimal():
        return words[0], int(words[1]), words[2], int(words[3])
    raise ValueError(f"{path}, line {number}: a pair is NAME 1 4 or NAME 1 OTHER 3. Received: {' '.join(words)!r}.")


def _find(root: Path, name: str, number: int) -> Path:
    stem = root / name / f"{name}_{number:04d}"
    files = [stem.with_name(stem.name + suffix) for suffix in (*PICTURE_SUFFIXES, *map(str.upper, PICTURE_SUFFIXES))]
    found = next((file for file in files if file.exists()), None)
    if found is None:
        raise FileNotFoundError(f"There is no picture {stem}.jpg, nor one with another ending.")
    return found
