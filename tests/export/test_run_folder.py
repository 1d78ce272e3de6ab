"""A folder appears whole or not at all."""

import os

import pytest

from kerascnn.export.run_folder import check_output, new_run_folder


def write(folder, text):
    (folder / "model.keras").touch()
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
    assert sorted(each.name for each in (tmp_path / "run").iterdir()) == ["file.txt", "model.keras"]
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


def test_a_folder_that_is_no_run_is_never_replaced(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "1.jpg").write_text("precious")
    with pytest.raises(FileExistsError, match="not a run folder"):
        check_output(photos, overwrite=True)
    with pytest.raises(FileExistsError), new_run_folder(photos, overwrite=True):
        pytest.fail("the block must not run")
    assert (photos / "1.jpg").read_text() == "precious"


def test_a_place_where_nothing_can_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        check_output(tmp_path / "file" / "run")


def test_an_incomplete_folder_is_kept_when_asked_for(tmp_path):
    with pytest.raises(KeyboardInterrupt), new_run_folder(tmp_path / "run", keep_incomplete=True) as folder:
        write(folder, "half")
        raise KeyboardInterrupt
    assert [each.name for each in tmp_path.iterdir()] == ["run.incomplete"]
    assert (tmp_path / "run.incomplete" / "file.txt").read_text() == "half"


def test_what_has_the_name_of_an_incomplete_folder_is_never_replaced(tmp_path):
    (tmp_path / "run.incomplete").mkdir()
    (tmp_path / "run.incomplete" / "1.jpg").write_text("precious")
    (tmp_path / "run.incomplete2").write_text("a file")
    (tmp_path / "run.incomplete4").symlink_to("nowhere")
    for text in ("first", "second"):
        with pytest.raises(RuntimeError), new_run_folder(tmp_path / "run", keep_incomplete=True) as folder:
            write(folder, text)
            raise RuntimeError
    assert (tmp_path / "run.incomplete" / "1.jpg").read_text() == "precious"
    assert (tmp_path / "run.incomplete2").read_text() == "a file"
    assert (tmp_path / "run.incomplete3" / "file.txt").read_text() == "first"
    assert (tmp_path / "run.incomplete4").is_symlink()
    assert (tmp_path / "run.incomplete5" / "file.txt").read_text() == "second"
    assert len(list(tmp_path.iterdir())) == 5


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_appears_at_the_path_while_the_block_runs_is_never_replaced(tmp_path, overwrite):
    photos = tmp_path / "run"
    with pytest.raises(FileExistsError), new_run_folder(photos, overwrite=overwrite, keep_incomplete=True) as folder:
        write(folder, "new")
        photos.mkdir()
        (photos / "1.jpg").write_text("precious")
    assert (photos / "1.jpg").read_text() == "precious"
    assert (tmp_path / "run.incomplete" / "file.txt").read_text() == "new"


def test_an_error_while_renaming_puts_the_old_folder_back(tmp_path, monkeypatch):
    with new_run_folder(tmp_path / "run") as folder:
        write(folder, "old")
    rename = os.replace
    calls = []

    def fail_on_the_second(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise OSError("no space")
        rename(source, target)

    monkeypatch.setattr(os, "replace", fail_on_the_second)
    with pytest.raises(OSError, match="no space"), new_run_folder(tmp_path / "run", overwrite=True) as folder:
        write(folder, "new")
    assert [each.name for each in tmp_path.iterdir()] == ["run"]
    assert (tmp_path / "run" / "file.txt").read_text() == "old"
