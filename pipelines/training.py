"""What the scripts that train share: their common settings, and the way from the data to the run folder."""

import dataclasses
import logging
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import keras
from console import print_exports, run_command
from keras.utils import set_random_seed
from search import DRAWN, Search

from kerascnn.data import Source, draw_proposals, open_source, pipeline, preset, swap_sides, with_border_weights
from kerascnn.data.augment import Mosaic
from kerascnn.export import check_output
from kerascnn.report import read_card
from kerascnn.runs import RunFacts, write_run, write_trained_run
from kerascnn.tasks import Task
from kerascnn.training import Checkpoint, History, Stage, distribute, fit

logger = logging.getLogger(__name__)

VALIDATION_BATCH = 256  # pictures of people, whose pairs are measured

Config = TypeVar("Config", bound="RunConfig")
Option = bool | int | float | str
Learn = Callable[[Task, Source, Sequence[Stage], str], History]
Schedule = Callable[[Task, Source, Learn], History]


@dataclass(frozen=True)
class RunConfig:
    """The settings of every script that trains."""

    data: str = "scenes"
    """What to train on: a folder of class folders, tfds:NAME, fashion_mnist:FOLDER, idx:FOLDER or scenes (embedded)."""
    output: Path | None = None
    """The run folder to write. By default saved_models/ and the name of the data."""
    options: dict[str, Option] = field(default_factory=dict)
    """Further options of the network, in pairs: alpha 0.5, variant paper, hidden_units 0. See its builder."""
    augment: str = "light"
    """How pictures change at random in training: none, mirror, small, light, standard or strong; see preview.py. Of
    these, benchmarks/presets.py found light never to harm and to be worth 13 points where little is known before."""
    mirror: bool = True
    """Let the preset mirror pictures; the flag turns it off, for digits and other signs."""
    ema_momentum: float | None = None
    """Validate and keep the moving average of the weights, of which a step leaves this share; 0.99 is usual."""
    global_clipnorm: float | None = None
    """Shorten the gradients of a step to this norm where theirs is greater."""
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16", "auto"] = "float32"
    """What convolutions compute in; auto times a few steps and takes the faster one that this machine has."""
    patience: int | None = None
    """End a stage after so many epochs without a new best one."""
    batch_size: int = 32
    """Pictures in a step of all GPUs, and all processes, together."""
    seed: int = 0
    """Decides the first weights, the order, the augmentations, and which pictures validate."""
    keep_over_budget: bool = False
    """Write exported files that miss their accuracy budget too."""
    overwrite: bool = False
    """Replace the run folder if it is there."""
    resume: bool = False
    """Go on with a run that was stopped or killed, from the step it came to; without one, start."""
    finish: bool = False
    """With --resume: train no further, and export the best epoch so far."""
    checkpoint_seconds: float = 60.0
    """So often what a killed run goes on from is written, to a folder beside the output."""
    smoke: bool = False
    """A run of a minute or so on the embedded data, to see that everything works; its answers are worthless."""

    def checkpoint(self, folder: Path, *, finish: bool = False, **settings: Any) -> Checkpoint:
        """Say where a training goes on from when it was killed.

        Args:
            folder: for its checkpoints.
            finish: train no further, see `Checkpoint`.
            **settings: what must be the same when it goes on, beside the augmentation.
        """
        return Checkpoint(
            folder,
            resume=self.resume,
            finish=finish,
            every_seconds=self.checkpoint_seconds,
            settings={"augment": self.augment, "mirror": self.mirror} | settings,
        )

    def with_settings(self, stage: Stage) -> Stage:
        """Give a stage what the script's settings say for every stage."""
        return dataclasses.replace(
            stage,
            ema_momentum=self.ema_momentum,
            global_clipnorm=self.global_clipnorm,
            precision=self.precision,
        )


@dataclass(frozen=True)
class TrainingConfig(RunConfig):
    """The settings of every script that trains on whole pictures."""

    cache: str | None = None
    """Decode all pictures before the first epoch and keep them: memory, or a folder, which other runs use too."""
    coordinator: str | None = None
    """HOST:PORT of process 0, for training in several processes, with KERAS_BACKEND=jax: one a machine, all with the
    same command but for --process, and an --output on a disk that they share."""
    processes: int = 1
    """How many train together."""
    process: int | None = None
    """Number of this one, from 0. Process 0 writes the run folder."""


def train(
    config: TrainingConfig,
    make_task: Callable[[Source], Task],
    stages: list[Stage],
    *,
    annotation: str = "label",
    weights: str | None = None,
    balance_classes: bool = False,
    headless_weights: bool = False,
    mixing: Sequence[Mosaic] = (),
    image_sizes: Sequence[tuple[int, int]] = (),
    search: Search | None = None,
    borders: Mapping[str, float] | None = None,
    group_size: int | None = None,
    schedule: Schedule | None = None,
) -> int:
    """Train, export, report. Returns the exit status: 1 if an exported file missed its budget.

    Of several processes, those after the first leave when they have trained.

    Args:
        config: the script's settings.
        make_task: from the data to the network and what it is trained for.
        stages: what trains, one after another.
        annotation: what the task learns from, see `kerascnn.data.open_source`.
        weights: what the network starts from; None is a random initialisation.
        balance_classes: weighs rare classes in the loss, of labelled data.
        headless_weights: see `kerascnn.runs.write_run`.
        mixing: augmentations that follow the preset, such as a mosaic.
        image_sizes: of the training pictures, see `kerascnn.data.pipeline`.
        search: gives the pictures proposals, for a network that is told where to look.
        borders: what `kerascnn.data.with_border_weights` is given; None leaves it.
        group_size: pictures of each person in a batch of training pictures, see `kerascnn.data.pipeline`. Validation
            batches are large then, since only pairs within a batch are measured.
        schedule: trains the task in the place of `fit` with `stages`: from the task, its data, and a function that
            trains a task on data in stages, with the settings of the script, and keeps its checkpoints by a name.
    """
    started = time.monotonic()
    output = config.output or Path("saved_models") / run_name(config.data)
    check_output(output, overwrite=config.overwrite)
    distribution = distribute(coordinator=config.coordinator, processes=config.processes, process=config.process)
    reading: dict[str, Any] = distribution.share(config.batch_size) | {"cache": config.cache}
    preset(config.augment)  # an unknown one is refused now
    with distribution.in_turn():  # the first one prepares data sets
        source = open_source(config.data, seed=config.seed, annotation=annotation)
        source = source if search is None else search.add_to(source)
        source = source if borders is None else with_border_weights(source, **borders)
    swap = _swap(source.classes, annotation) if config.mirror else None
    augment = [*preset(config.augment, config.mirror, swap), *mixing]
    set_random_seed(config.seed)  # after the data: preparing them for the first time draws random numbers too
    checkpoint = config.checkpoint(
        checkpoint_folder(output),
        finish=config.finish,
        data=source.fingerprint,
        weights=weights,
        mixing=list(map(str, mixing)),
        image_sizes=list(map(list, image_sizes)),
        search=None if search is None else search.settings,
        borders=borders,
        cached=config.cache is not None,  # large photos are kept smaller
    )
    with distribution.scope():
        task = make_task(source)

        def learn(task: Task, source: Source, stages: Sequence[Stage], part: str = "") -> History:
            drawn = [draw_proposals(DRAWN)] if "proposals" in source.train.annotations else []
            changes = {"augment": [*drawn, *augment], "seed": config.seed, "image_sizes": image_sizes}
            grouped = {} if group_size is None else {"batch_size": VALIDATION_BATCH}
            return fit(
                task,
                pipeline(source.train, task, group_size=group_size, **changes, **reading),
                pipeline(source.valid, task, **reading | grouped),
                list(map(config.with_settings, stages)),
                class_weight=source.train.class_weights() if balance_classes else None,
                checkpoint=dataclasses.replace(checkpoint, folder=checkpoint.folder / part),
                verbose="auto" if distribution.writes else 0,
            )

        history = learn(task, source, stages) if schedule is None else schedule(task, source, learn)
    if not distribution.writes:
        return 0
    logger.info("Exporting to %s.", output)
    settings = dataclasses.asdict(config) | {
        "output": str(output),
        "architecture": task.architecture,
        "image_size": task.image_size,
        "options": dict(task.options),
    }
    facts = RunFacts(run_command(), settings, config.seed, started)
    proposals = None if search is None else search.settings
    status = 0
    for suffix, own in task.exported.items():
        path = output.with_name(output.name + suffix)
        run = (path, own, source, history, facts)
        written = {"headless_weights": headless_weights, "proposals": proposals}
        if keras.backend.backend() == "tensorflow":
            replaced = {"overwrite": config.overwrite, "keep_over_budget": config.keep_over_budget}
            card = write_run(*run, **written, **replaced)
            status |= print_exports(path, card, config.keep_over_budget)
        else:
            status |= _export_on_tensorflow(write_trained_run(*run, **written), path, config)
    checkpoint.remove()
    return status


def _swap(classes: Sequence[str], annotation: str) -> Sequence[int] | None:
    """Say which landmarks change places in a mirrored picture, for augmentations that need to know."""
    if annotation == "identity":
        return ()  # there are no landmarks that could
    return swap_sides(classes) if annotation == "landmarks" else None


def _export_on_tensorflow(trained: Path, output: Path, config: TrainingConfig) -> int:
    """Export in a process of its own what was trained on another backend. Returns its exit status."""
    script = str(Path(__file__).with_name("export_model.py"))
    command = [sys.executable, script, "--run", str(trained), "--output", str(output)]
    flags = {"--overwrite": config.overwrite, "--keep-over-budget": config.keep_over_budget}
    command += [name for name, given in flags.items() if given]
    # On the CPU, since this process has the memory of the GPUs.
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}
    status = subprocess.run(command, env=environment).returncode
    if not (output / "card.json").exists() or read_card(output)["created"] != read_card(trained)["created"]:
        raise RuntimeError(
            f"What was trained could not be exported, and is kept in {trained}. To go on: "
            f"KERAS_BACKEND=tensorflow {shlex.join(['python', *command[1:]])}"
        )
    shutil.rmtree(trained)
    return status


def checkpoint_folder(output: Path) -> Path:
    """Give the folder beside a run folder that holds its checkpoints while it is trained."""
    return output.with_name(f"{output.name}.checkpoints")


def run_name(data: str) -> str:
    """Name a run after its data: the last folder of a path, the whole name of a data set."""
    kind, _, rest = data.partition(":")
    if kind == "tfds" or (not rest and data.partition("/")[0] in ("scenes", "faces")):
        return (rest or data).replace("/", "_")
    path = Path(rest or data).resolve()
    return path.stem if kind == "csv" else path.name


def make_small(config: Config, name: str, *, data: str = "scenes/tiny", **settings: Any) -> Config:
    """Give the settings of a smoke run: small embedded data, and an output that may be replaced.

    Args:
        config: the script's settings.
        name: of the run folder, where none is given.
        data: the embedded data.
        **settings: what else differs.
    """
    return dataclasses.replace(
        config,
        data=data,
        output=config.output or Path("saved_models") / name,
        keep_over_budget=True,  # so little training leaves the network undecided, and rounding decides for it
        overwrite=config.overwrite or config.output is None,
        resume=config.resume or config.output is None,
        **settings,
    )
