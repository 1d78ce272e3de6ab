"""A folder appears whole or not at all."""

import pytest

from kerascnn.export.run_folder import check_output, new_run_folder


def write(folder, text):
    (folder / "file.txt").write_text(text)


def test_the_folder_appears_at_the_end(tmp_path):
    final = tmp_path / "a" / "run"
    with new_run_folder(final) as folder:
        write(folder, "new")
        assert not final.exists()
    assert (final / "file.txt").read_text() == "new"
    assert [each.name for each in final.parent.iterdir()] == ["run"]


def test_an_error_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), new_run_folder(tmp_path / "run") as folder:
        write(folder, "half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_error_leaves_the_old_folder_as_it_was(tmp_path):
    with new_run_folder(tmp_path / "run") as folder:
        write(folder, "old")
    with pytest.raises(KeyboardInterrupt), new_run_folder(tmp_path / "run", overwrite=True) as folder:
        write(folder, "half")
        raise KeyboardInterrupt
    assert (tmp_path / "run" / "file.txt").read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["run"]


def test_overwrite_replaces_the_whole_folder(tmp_path):
    with new_run_folder(tmp_path / "run") as folder:
        write(folder, "old")
        (folder / "stale").touch()
    with new_run_folder(tmp_path / "run", overwrite=True) as folder:
        write(folder, "new")
    assert [each.name for each in (tmp_path / "run").iterdir()] == ["file.txt"]
    assert [each.name for each in tmp_path.iterdir()] == ["run"]


def test_an_existing_folder_is_refused_before_work_starts(tmp_path):
    with pytest.raises(FileExistsError, match="overwrite"):
        check_output(tmp_path)
    with pytest.raises(FileExistsError), new_run_folder(tmp_path):
        pytest.fail("the block must not run")


def test_a_file_in_the_way_is_never_replaced(tmp_path):
    (tmp_path / "run").write_text("precious")
    with pytest.raises(FileExistsError):
        check_output(tmp_path / "run", overwrite=True)
