"""What the scripts share on the console: errors in a sentence, the command that was given, tables."""

import logging
import os
import shlex
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

# Before TensorFlow is loaded: on processors without AVX-512 it leaves oneDNN's kernels off, which train convolutions
# twice as fast.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # warnings and errors only

import tyro
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.table import Table

from kerascnn.export import Reference
from kerascnn.report import by_reason
from kerascnn.tasks import Task
from kerascnn.training import RunInterrupted

Config = TypeVar("Config")
SMALLEST_FIRST = ("int8", "dynamic", "float16", "float32")
EXAMPLES = 5  # of everything that may be long


def run_script(main: Callable[[Config], int], config_class: type[Config], description: str) -> int:
    """Read the command line, run a script with its log on the console, and say what users can mend in a sentence.

    Args:
        main: from the config to the exit status.
        config_class: the dataclass that the command line is made from.
        description: the script's docstring, which --help shows.

    Returns:
        The exit status: that of `main`, 2 for input that cannot be used, 1 for a run that failed, and for one that a
        signal stopped 128 and its number, which is 130 for Ctrl-C.
    """
    config = tyro.cli(config_class, description=description, config=(tyro.conf.FlagCreatePairsOff,))
    handler = RichHandler(console=Console(stderr=True), show_time=False, show_path=False, show_level=False)
    for name in ("kerascnn", "__main__"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)
        logger.propagate = False  # absl would say everything once more
    try:
        return main(config)
    except (ValueError, OSError, ImportError) as error:
        _print_error(f"Error: {error}")
        return 2
    except RuntimeError as error:
        _print_error(f"Failed: {error}")
        return 1
    except RunInterrupted as interruption:
        _print_error(
            f"{interruption} The same command with --resume goes on, with --resume --finish it exports what is there."
        )
        return 128 + signal.Signals[interruption.signal]
    except KeyboardInterrupt:
        _print_error("Interrupted.")
        return 130


def _print_error(text: str) -> None:
    Console(stderr=True).print(text, style="red", highlight=False, markup=False, soft_wrap=True)


def run_command() -> str:
    """Give the command line of this script, as it can be typed to make the run again."""
    return shlex.join(["python", *(each for each in sys.argv if each not in ("--resume", "--finish"))])


def print_exports(output: Path, card: Mapping[str, Any], keep_over_budget: bool) -> int:
    """Print what a run wrote. Returns the exit status: 1 if a file missed its budget and was not to be kept."""
    console = Console()
    table = Table(title="Exported files", title_justify="left")
    for heading in ("file", "size", card["score_name"], "agreement", "difference", "latency", "check"):
        table.add_column(heading, justify="left" if heading in ("file", "check") else "right", no_wrap=True)
    for precision, row in card["export"].items():
        table.add_row(
            precision,
            f"{row['bytes'] / 1e6:.2f} MB",
            f"{row['score']:.1%}",
            f"{row['agreement']:.1%}",
            f"{row['max_difference']:.0e}",
            f"{row['latency_ms']:.2f} ms",
            "passed" if row["passed"] else "missed",
        )
    if card["export"]:  # Fast R-CNN has no files for phones
        console.print(table)
    for split, metrics in card["metrics"].items():
        console.print(f"{split}: {card['score_name']} {metrics['score']:.1%} on {metrics['examples']} pictures")
        for part in metrics.get("parts", {}).values():
            console.print(f"{split}: {part['score_name']} {part['score']:.1%}")
    plain = {"soft_wrap": True, "highlight": False, "markup": False}
    console.print(f"report: {output / 'report.html'}", **plain)
    files = [output / card["export"][precision]["file"] for precision in SMALLEST_FIRST if precision in card["export"]]
    smallest = next((file for file in files if file.exists()), None)  # none is there if all missed their budgets
    if smallest is not None:
        console.print(f"for the phone: {smallest}", **plain)
    missed = [row for row in card["export"].values() if not row["passed"]]
    for row in missed:
        outcome = "kept all the same" if keep_over_budget else "not written"
        console.print(f"{row['file']} was {outcome}: {row['reason']}.", style="red", **plain)
    return 1 if missed and not keep_over_budget else 0


DETECTORS = ("yolo", "yolo_v1", "region_proposals", "fast_rcnn", "faster_rcnn")
# By the name of a task: the key of the rows in its evaluation, the column that names them, and what is shown of them.
TABLES = {
    "classification": ("per_class", "class", ("precision", "recall", "f1")),
    "localization": ("per_class", "class", ("mean_iou", "box_accuracy", "class_accuracy")),
    "landmarks": ("per_landmark", "landmark", ("error",)),
    "segmentation": ("per_class", "class", ("iou", "dice", "precision", "recall", "boundary_f")),
    "faces": ("tar_at_far", "far", ("tar", "low", "high")),
    **dict.fromkeys(DETECTORS, ("per_class", "class", ("ap50", "ap", "precision", "recall"))),
}


def print_measured(title: str, task: Task, answers: Reference) -> None:
    """Print what a model got right: a row for each class or landmark, one for all of them, and the score."""
    console, metrics = Console(), task.evaluate(answers.outputs, answers.targets)
    rows, name, columns = TABLES[task.name]
    table = Table(title=escape(title), title_justify="left")
    table.add_column(name)
    for heading in (*columns, "number"):
        table.add_column(heading.replace("_", " "), justify="right")
    for row in metrics[rows] or ():  # None, where no pairs could be compared
        table.add_row(escape(str(row[name])), *(_percent(row[key]) for key in columns), str(row.get("support", "")))
    if metrics.keys() & set(columns):
        table.add_section()
        table.add_row("all", *(_percent(metrics.get(key)) for key in columns))
    console.print(table)
    print_score(task, metrics)


def print_score(task: Task, metrics: Mapping[str, Any]) -> None:
    """Print the score of what `task.evaluate` gave."""
    Console().print(f"{task.score_name} {task.score_of(metrics):.1%} on {metrics['examples']} pictures")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def print_data(data: Mapping[str, Any], unit: str) -> None:
    """Print what is in a data set, as `describe_source` gives it: splits, classes, and what its check found."""
    console, splits = Console(), data["splits"]
    table = Table(title=escape(data["source"]), title_justify="left")
    for heading in (f"{unit} of a class", *splits):
        table.add_column(heading, justify="right" if heading in splits else "left", overflow="fold")
    for name in splits["train"]["per_class"]:
        table.add_row(escape(name), *(f"{split['per_class'][name]:,}" for split in splits.values()))
    table.add_section()
    table.add_row("pictures", *(f"{split['examples']:,}" for split in splits.values()))
    console.print(table)
    plain = {"soft_wrap": True, "highlight": False, "markup": False}
    for kind in ("set_aside", "clipped"):
        console.print(f"{kind.replace('_', ' ')}: {len(data[kind])}", **plain)
        for reason, entries in by_reason(data[kind]):
            console.print(f"  {reason}: {len(entries)}", **plain)
            for entry in entries[:EXAMPLES]:
                console.print(f"    {entry['path']} ({entry['reason']})", **plain)
    duplicates = data["duplicates_across_splits"]
    console.print(f"pictures for training that are measured on too: {len(duplicates)}", **plain)
    for pair in duplicates[:EXAMPLES]:
        console.print(f"    {' and '.join(pair)}", **plain)


def print_answers(names: Sequence[str], answers: Sequence[Sequence[str]]) -> None:
    """Print what was answered about each picture, the surest or most important first."""
    table = Table()
    table.add_column("picture", overflow="fold")
    for place in range(1, max(1, *map(len, answers)) + 1):
        table.add_column(f"{place}.", overflow="fold")
    for name, parts in zip(names, answers, strict=True):
        table.add_row(escape(name), *map(escape, parts or ["nothing"]))
    Console().print(table)


def print_rates(title: str, rates: Mapping[str, float]) -> None:
    """Print how many pictures a second each step takes, and how long one picture takes it."""
    table = Table(title=escape(title), title_justify="left")
    table.add_column("step")
    for heading in ("pictures / s", "ms / picture"):
        table.add_column(heading, justify="right")
    for name, rate in rates.items():
        table.add_row(escape(name), f"{rate:,.0f}", f"{1000 / rate:.2f}")
    Console().print(table)
