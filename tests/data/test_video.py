"""Videos, by round trips: what was written is read again, frame by frame."""

import cv2
import numpy as np
import pytest

from kerascnn.data import video
from kerascnn.data.video import is_video, open_video, write_video


def make_frames(count, size=(48, 64)):
    """Frames that are red on the left and blue on the right, the brighter the later."""
    frames = np.zeros((count, *size, 3), np.uint8)
    levels = np.linspace(60, 240, count).astype(np.uint8)[:, np.newaxis, np.newaxis]
    frames[:, :, : size[1] // 2, 0] = levels
    frames[:, :, size[1] // 2 :, 2] = levels
    return frames


@pytest.mark.parametrize(("count", "size"), [(1, (48, 64)), (30, (48, 64)), (3, (51, 35))])
def test_what_was_written_is_read_again(tmp_path, count, size):
    frames = make_frames(count, size)
    path = write_video(tmp_path / "folder" / "a.mp4", iter(frames), 12.5)
    opened = open_video(path)
    assert (opened.path, opened.frames_per_second, opened.num_frames) == (path, 12.5, count)
    read = np.stack(list(opened.frames()))
    even = [side + side % 2 for side in size]
    assert read.shape == (count, *even, 3)
    # Compressed, but the colours are where they were.
    assert np.abs(read[:, : size[0], : size[1]].astype(int) - frames).mean() < 8
    assert len(list(opened.frames())) == count  # each time from the start
    assert [each.name for each in path.parent.iterdir()] == ["a.mp4"]


def test_a_unit_of_time_is_no_rate(tmp_path):
    assert open_video(write_video(tmp_path / "browser.mp4", make_frames(2), 1000)).frames_per_second == 25
    assert open_video(write_video(tmp_path / "fast.mp4", make_frames(2), 960)).frames_per_second == 960


def test_a_rate_that_the_codec_does_not_have_is_refused(tmp_path):
    with pytest.raises(OSError, match=r"a video of 64 x 48 pixels and 90000 frames a second"):
        write_video(tmp_path / "a.mp4", make_frames(2), 90000)


def test_what_fails_leaves_what_was_there(tmp_path):
    def frames():
        yield from make_frames(3)
        raise RuntimeError("the camera fell")

    with pytest.raises(RuntimeError, match="the camera fell"):
        write_video(tmp_path / "a.mp4", frames(), 25)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a.mp4").write_bytes(b"before")
    with pytest.raises(ValueError, match=r"shape \(48, 64, 3\)\. Received: \(24, 32, 3\)"):
        write_video(tmp_path / "a.mp4", [*make_frames(2), *make_frames(1, (24, 32))], 25)
    assert [each.name for each in tmp_path.iterdir()] == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_bytes() == b"before"


def test_frames_that_were_lost_are_noticed(tmp_path, monkeypatch):
    write = video._write
    monkeypatch.setattr(video, "_write", lambda *given: write(*given) + 1)
    with pytest.raises(OSError, match="of 4 frames it held 3"):
        write_video(tmp_path / "a.mp4", make_frames(3), 25)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "frames", "rate", "message"),
    [
        ("a.avi", make_frames(1), 25, r"end in \.mp4"),
        ("a.mp4", make_frames(0), 25, "at least one frame"),
        ("a.mp4", make_frames(1)[..., 0], 25, r"\(H, W, 3\) uint8"),
        ("a.mp4", make_frames(1) / 255, 25, "float64"),
        ("a.mp4", make_frames(1), 0, "above 0. Received: 0"),
        ("a.mp4", make_frames(1), float("nan"), "Received: nan"),
    ],
)
def test_what_is_no_video_is_refused(tmp_path, name, frames, rate, message):
    with pytest.raises(ValueError, match=message):
        write_video(tmp_path / name, frames, rate)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no video .*a\.mp4"):
        open_video(tmp_path / "a.mp4")
    (tmp_path / "a.mp4").write_bytes(b"no video at all")
    with pytest.raises(ValueError, match=r"No frame of .*a\.mp4"):
        open_video(tmp_path / "a.mp4")


def test_a_damaged_video_ends_at_the_damage(tmp_path):
    path = tmp_path / "a.avi"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    for frame in make_frames(40):
        writer.write(frame)
    writer.release()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    damaged = open_video(path)
    assert damaged.num_frames == 40
    assert 0 < len(list(damaged.frames())) < 40


def test_videos_are_told_by_their_names():
    assert is_video("a.mp4") and is_video("b/C.MOV")
    assert not is_video("a.png") and not is_video("mp4")
