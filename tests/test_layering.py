"""Who may import whom. A breach is named by file and line."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "kerascnn"

# What each part may import of the others; a part is a folder or a file of kerascnn/, and `a.b` allows that file only.
ALLOWED = {
    "results": set(),
    "files": set(),
    "fused": set(),
    "gradients": set(),
    "litert": set(),
    "ops": set(),
    "layers": {"ops"},
    "losses": {"ops"},
    "metrics": {"ops"},
    "data": {"ops", "files"},
    "architectures": {"layers", "ops"},
    "tasks": {"architectures", "losses", "metrics", "ops", "layers", "results", "files", "gradients"},
    "training": {"architectures.strides", "tasks.task", "results", "files", "fused", "litert", "ops"},
    "export": {"tasks.task", "layers", "results", "ops"},
    "report": {"results", "files", "metrics.matching", "metrics.segmentation"},
    # Where all parts meet: nothing but the public names may import it.
    "runs": {"architectures", "data", "export", "report", "tasks", "training", "results", "metrics", "files"},
    "__init__": {"architectures", "data", "export", "ops", "report", "results", "runs", "tasks", "training"},
}
# Packages that only these parts may import: everything else runs on every backend of Keras, or without a converter.
RESERVED = {
    "tensorflow": {"data", "export", "fused", "gradients", "litert", "training.distribution"},
    "jax": {"gradients", "training.distribution"},
    "tensorflow_datasets": {"data"},
    "cv2": {"data", "metrics.segmentation"},
    "ai_edge_litert": {"export", "litert"},
    "litert_quantizer": {"export"},
    "pipelines": set(),
    "benchmarks": set(),
}


def find_imports(path):
    """Give (line, dotted name) of every import in a file, wherever it stands; of `from a import b`, `a.b`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def find_breaches(package):
    """Give `file:line: what` for every import that the tables above do not allow."""
    for path in sorted(package.rglob("*.py")):
        relative = path.relative_to(package)
        part, file = relative.parts[0].removesuffix(".py"), ".".join(relative.with_suffix("").parts)
        for line, name in find_imports(path):
            top, _, inside = name.partition(".")
            place = f"{package.name}/{relative}:{line}"
            if not top:
                yield f"{place}: relative import {name}"
            elif part not in ALLOWED:
                yield f"{place}: the part {part} is not in the table of {Path(__file__).name}"
            elif top == package.name:
                allowed = {part, "__version__", *ALLOWED[part]} if part == "__init__" else {part, *ALLOWED[part]}
                if not any(f"{inside}.".startswith(f"{one}.") for one in allowed):
                    yield f"{place}: {part} imports {inside or top}"
            elif not any(f"{file}.".startswith(f"{one}.") for one in RESERVED.get(top, {part})):
                yield f"{place}: {part} imports {top}"


def test_nothing_is_imported_against_the_rules():
    breaches = list(find_breaches(PACKAGE))
    assert not breaches, "\n".join(breaches)


@pytest.mark.parametrize(
    ("file", "source", "breach"),
    [
        ("ops/boxes.py", "from kerascnn.layers import x", "ops imports layers.x"),
        ("training/fit.py", "\nfrom kerascnn.tasks import Task", "training imports tasks.Task"),
        ("training/fit.py", "def f():\n    import tensorflow.data as td", "training imports tensorflow"),
        ("training/distribution_of_pictures.py", "import jax", "training imports jax"),
        ("data/a.py", "import kerascnn.training.fit", "data imports training.fit"),
        ("data/a.py", "import kerascnn", "data imports kerascnn"),
        ("data/a.py", "from litert_quantizer import Quantizer", "data imports litert_quantizer"),
        ("report/a.py", "from kerascnn.resultsets import x", "report imports resultsets.x"),
        ("tasks/a.py", "from . import task", "relative import ..task"),
        ("runs.py", "from pipelines import train", "runs imports pipelines"),
        ("utils.py", "import os", "the part utils is not in the table of test_layering.py"),
    ],
)
def test_a_breach_is_found_with_its_line(tmp_path, file, source, breach):
    path = tmp_path / "kerascnn" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    assert list(find_breaches(tmp_path / "kerascnn")) == [f"kerascnn/{file}:{source.count(chr(10)) + 1}: {breach}"]


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("training/fit.py", "from kerascnn.tasks.task import Task\nfrom kerascnn.training.stages import Stage"),
        ("tasks/a.py", "from kerascnn.metrics.classification import x\nimport keras"),
        ("training/distribution.py", "import tensorflow as tf\nimport jax"),
        ("data/a.py", "import tensorflow as tf\nimport tensorflow_datasets as tfds"),
        ("runs.py", "from kerascnn.data import pipeline"),
    ],
)
def test_what_the_rules_allow_is_no_breach(tmp_path, file, source):
    path = tmp_path / "kerascnn" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    assert list(find_breaches(tmp_path / "kerascnn")) == []
