"""How the tests are spread over processes: those that share a slow fixture stay together, the slowest start first."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
TOGETHER = ("pipelines", "export")  # folders whose files share a fixture of the whole session

APART = ("test_train_rcnn.py", "test_alternation.py")  # share no run with the rest of their folder, which takes longest
ALONE = "test_notebooks.py"  # whose tests share nothing at all, and take long
FIRST = ("pipelines", "contracts", ALONE)  # one of their tests at the end would leave the other process idle


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in a hook of the same name, which may come first
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests for `pytest --numprocesses 2 --dist loadgroup`: a folder of `TOGETHER`, else a file."""
    for item in items:
        path = item.path.relative_to(TESTS)
        together = path.parts[0] in TOGETHER and path.name not in APART
        group = path.parts[0] if together else str(path)
        item.add_marker(pytest.mark.xdist_group(item.nodeid if path.name == ALONE else group))
    items.sort(key=lambda item: item.path.relative_to(TESTS).parts[0] not in FIRST)
