# SPDX-License-Identifier: Apache-2.0
"""The box itself has no more of something: memory, inodes."""

import contextlib
import os
import resource
import subprocess
import threading

import pytest

import net
from net import wait_for
from test_fault import Button, account, system_alert


def size_of(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()


@contextlib.contextmanager
def kept_running(daemon):
    """What systemd does: Restart=always. A new life has no cap. Gives the ends, all of them by the process's own decision."""
    ends, over = [], threading.Event()

    def manage():
        while not over.wait(0.1):
            if not daemon.running() and not over.is_set():
                ends.append(daemon.process.returncode)
                daemon.start(wait=False)

    manager = threading.Thread(target=manage)
    manager.start()
    try:
        yield ends
    finally:
        over.set()
        manager.join()
    assert all(code == -6 for code in ends), "if it ends, then by its own decision, and the manager starts it again"


def test_memory_runs_out(make_site):
    """The cap is what the process has, and a little; a flood of large messages asks for more."""
    site = make_site()
    phone, button, flood = site.worker("w01"), Button(site), site.client("flood")
    assert button.press("before")
    cap = size_of(site.daemon.pid) + (1 << 20)
    hard = resource.prlimit(site.daemon.pid, resource.RLIMIT_AS)[1]
    with kept_running(site.daemon) as ends:
        resource.prlimit(site.daemon.pid, resource.RLIMIT_AS, (cap, hard))
        for n in range(1500):
            flood.publish(site.topic(f"up/stranger-{n % 40}/alarm"), os.urandom(16000), wait=False)
        assert button.press("during"), "it is taken, by this process or by the next"
        assert site.alert(phone, "w01")
    resource.prlimit(site.daemon.pid, resource.RLIMIT_AS, (hard, hard))
    button.press("after")
    account(site, "memory cap, and a flood of 24 MB", f"`RLIMIT_AS` 1 MiB above what it has; ended {len(ends)} times", button,
            "w01 at once")


def test_a_message_that_memory_has_no_room_for(make_site):
    """Whatever the library cannot take the broker sends again: the process makes room for a new one, with room."""
    site = make_site()
    phone, button, flood = site.worker("w01"), Button(site), site.client("flood")
    with kept_running(site.daemon) as ends:
        resource.prlimit(site.daemon.pid, resource.RLIMIT_AS, (size_of(site.daemon.pid), resource.RLIM_INFINITY))
        flood.publish(site.topic("up/stranger-1/alarm"), os.urandom(4 << 20), wait=False)  # more than any heap has free
        assert button.press("during"), "behind whatever was too large"
        assert site.alert(phone, "w01")
    assert ends


@pytest.fixture
def small(make_site, tmp_path):
    """A site whose state folder is a file system with few inodes."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    site = make_site(start=False)
    mount = ["mount", "-t", "tmpfs", "-o", "nr_inodes=40,size=64m,mode=0700", "tmpfs", str(site.daemon.state)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no mounts here")
    try:
        site.daemon.start()
        site.wait_online()
        yield site
        site.daemon.stop()
    finally:
        site.daemon.kill9()
        subprocess.run(["umount", str(site.daemon.state)], check=True)


def fill(folder):
    made = []
    while True:
        try:
            (folder / f"inode-{len(made)}").touch()
        except OSError:
            return made
        made.append(folder / f"inode-{len(made)}")


def test_no_inodes_are_left(small):
    phone, operator, button = small.worker("w01"), small.worker("o01"), Button(small)
    first = button.press("before")
    made = fill(small.daemon.state)
    assert button.press("during"), "the files that are open go on"
    small.daemon.restart()
    system_alert(small, operator, "store")  # registry.export cannot be replaced
    assert button.press("restarted")
    small.daemon.stop()
    (small.daemon.state / "journal.db-shm").unlink()
    made.append(small.daemon.state / "more")
    made[-1].touch()
    mark = operator.mark()
    small.daemon.start()  # without an inode for a file that the database needs
    alert = operator.wait(small.topic("worker/o01/alert/+"), lambda m: m.json.get("recorded") is False, mark).json
    assert alert["cause"] == "store"
    presser = threading.Thread(target=button.press, args=("without",), daemon=True)
    presser.start()
    assert small.alert(phone, "w01", where=lambda a: a["event"] == "without" and a["recorded"] is False)
    assert not button.has("without")
    for path in made:
        path.unlink()
    presser.join(net.PATIENCE)
    wait_for(lambda: "without" in button.receipts, what="the receipt")
    account(small, "no inodes left, and restarts", "tmpfs with `nr_inodes=40`, filled", button, "w01 at once; operator: store")
