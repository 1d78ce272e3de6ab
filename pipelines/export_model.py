"""Export a run again: after an update of the converter, or with calibration on other data.

    python pipelines/export_model.py --run saved_models/photos --output saved_models/photos_again

Nothing is trained: the model is measured, exported, compared and reported on as finetune.py does it.
"""

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path

from console import print_exports, run_command, run_script
from smoke import smoke_run

from kerascnn.export import check_output
from kerascnn.report import read_card
from kerascnn.runs import export_run, open_data


@dataclass(frozen=True)
class Config:
    """Export a run again: after an update of the converter, or with calibration on other data."""

    run: Path | None = None
    """The run folder."""
    data: str | None = None
    """The data to calibrate and compare on, as finetune.py takes it. By default the data of the run."""
    output: Path | None = None
    """The run folder to write. By default the one that is read, which needs --overwrite."""
    keep_over_budget: bool = False
    """Write exported files that miss their accuracy budget too."""
    overwrite: bool = False
    """Replace the run folder if it is there."""
    smoke: bool = False
    """Export a small run on the embedded data, which is trained first if it is not there."""


def main(config: Config) -> int:
    """Export and report. Returns the exit status: 1 if an exported file missed its budget."""
    config = _smoke(config) if config.smoke else config
    if config.run is None:
        raise ValueError("Say which run to export: --run saved_models/NAME.")
    output = config.output or config.run
    check_output(output, overwrite=config.overwrite)
    source = open_data(read_card(config.run), config.data)
    card = export_run(
        output,
        config.run,
        source,
        run_command(),
        overwrite=config.overwrite,
        keep_over_budget=config.keep_over_budget,
    )
    return print_exports(output, card, config.keep_over_budget)


def _smoke(config: Config) -> Config:
    run = smoke_run()
    output = config.output or run.with_name("smoke_again")
    overwrite = config.overwrite or config.output is None
    return dataclasses.replace(config, run=run, output=output, keep_over_budget=True, overwrite=overwrite)


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
