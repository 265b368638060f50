"""One writer for a directory, however its processes end; and nothing foreign is touched for it."""

import os
import subprocess
import sys
from multiprocessing import get_context

import pytest

from flopsfit_tui.core.store_errors import StoreFault
from flopsfit_tui.store import lock as lock_module
from flopsfit_tui.store.lock import LOCK, RECORD_BYTES, Lock, holder_of


def test_the_lock_says_who_has_it_and_lets_the_next_in(tmp_path):
    lock = Lock(tmp_path)
    assert holder_of(tmp_path).pid == os.getpid()
    with pytest.raises(ValueError, match=f"process {os.getpid()} is sweeping in .*flopsfit-tui watch {tmp_path}"):
        Lock(tmp_path)
    lock.release()
    assert holder_of(tmp_path) is None
    Lock(tmp_path).release()


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from flopsfit_tui.store.lock import Lock; "
        "lock = Lock(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert holder_of(tmp_path) is None
    Lock(tmp_path).release()


def test_a_link_in_its_place_is_refused_and_its_target_untouched(tmp_path):
    target = tmp_path / "thesis.tex"
    target.write_text("years of work")
    directory = tmp_path / "sweep"
    directory.mkdir()
    (directory / LOCK).symlink_to(target)
    with pytest.raises(ValueError, match="not a file that a sweep made"):
        Lock(directory)
    assert holder_of(directory) is None
    assert target.read_text() == "years of work"


@pytest.mark.parametrize("content", ["my notes\n", "123456789012 not a number", "[]"])
def test_a_foreign_file_in_its_place_is_refused_and_untouched(content, tmp_path):
    (tmp_path / LOCK).write_text(content)
    with pytest.raises(ValueError, match="not a file that a sweep made"):
        Lock(tmp_path)
    assert (tmp_path / LOCK).read_text() == content


def test_a_pipe_in_its_place_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / LOCK)
    with pytest.raises(ValueError, match="not a file that a sweep made"):
        Lock(tmp_path)


@pytest.mark.parametrize("content", ["", "4711"])
def test_the_file_of_an_earlier_version_is_taken_and_never_shortened(content, tmp_path):
    (tmp_path / LOCK).write_text(content)
    lock = Lock(tmp_path)
    assert holder_of(tmp_path).pid == os.getpid()
    lock.release()
    assert (tmp_path / LOCK).stat().st_size == RECORD_BYTES


def test_a_deleted_lock_file_is_made_again_unless_another_has_the_directory(tmp_path):
    lock = Lock(tmp_path)
    (tmp_path / LOCK).unlink()
    assert holder_of(tmp_path) is None
    lock.renew()
    assert holder_of(tmp_path).pid == os.getpid()
    (tmp_path / LOCK).unlink()
    other = Lock(tmp_path)
    with pytest.raises(ValueError, match="is sweeping in"):
        lock.renew()
    lock.release()
    assert holder_of(tmp_path) is not None
    other.release()


def test_a_file_system_without_locks_is_refused_in_a_sentence(tmp_path, monkeypatch):
    def unlockable(*_given):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(lock_module, "_lock_now", lock_module._lock_now)
    monkeypatch.setattr("fcntl.flock", unlockable)
    with pytest.raises(StoreFault, match="has no locks.*give an --out on another"):
        Lock(tmp_path)
    assert holder_of(tmp_path) is None


def test_a_forked_child_does_not_keep_the_directory(tmp_path):
    lock = Lock(tmp_path)
    with get_context("fork").Pool(1) as pool:
        pool.apply(os.getpid)
        lock.release()
        Lock(tmp_path).release()


def _race(directory, start, results):
    start.wait()
    try:
        lock = Lock(directory)
    except ValueError:
        results.put(0)
        return
    results.put(1)
    start.wait()
    lock.release()


def test_a_race_has_one_winner(tmp_path):
    context = get_context("fork")
    for number in range(5):
        directory = tmp_path / str(number)
        directory.mkdir()
        start, results = context.Barrier(4), context.Queue()
        racers = [context.Process(target=_race, args=(directory, start, results), daemon=True) for _ in range(4)]
        for racer in racers:
            racer.start()
        assert sum(results.get(timeout=60) for _ in racers) == 1
        start.abort()
        for racer in racers:
            racer.kill()
            racer.join()
