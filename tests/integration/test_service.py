# SPDX-License-Identifier: Apache-2.0
"""The service under a real systemd, in a container: installed as README.md says, with the demo community, no broker.

Times are judged by systemd itself (TimeoutStopSec=, WatchdogSec=, set short where a test needs it), never by the test.
"""

import ctypes
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

import net

CONTAINER = net.SOURCE / "tests" / "lib" / "container.sh"
LOG_IDS = dict(re.findall(r'#define LOG_ID_(\w+)\s+"(\w{32})"', (net.SOURCE / "daemon" / "log-ids.h").read_text()))


class Machine:
    def __init__(self, folder):
        self.folder = folder
        self.tree = folder / "tree"
        self.root = folder / ("huying-" + folder.name)
        self.root.mkdir()
        subprocess.run(["meson", "install", "-C", net.BUILD, "--no-rebuild", "--quiet", "--destdir", self.tree],
                       check=True, stdout=subprocess.DEVNULL)
        unit = next(self.tree.rglob("huyingd.service")).read_text()
        self.daemon, self.config = re.search(r"^ExecStart=(\S+) --config (\S+)$", unit, re.M).groups()
        self.ctl = "/" + str(next(self.tree.rglob("bin/huyingctl")).relative_to(self.tree))
        here = self.tree / self.config.lstrip("/")
        shutil.copytree(net.DEMO, here.parent / "registry")
        drop_in = here.parent / "huyingd.conf.d" / "test.conf"
        drop_in.parent.mkdir()
        drop_in.write_text("[Gateway]\nRegistry=registry\nDefaultGrid=g1\n"
                           "[MQTT]\nPort=1\n"  # where nobody listens
                           "[CoAP]\nListen=127.0.0.1:5683\n")

    def start_bare(self):
        done = subprocess.run([CONTAINER, "start", self.root, self.tree], capture_output=True, text=True, check=False)
        if done.returncode == 3:
            pytest.skip(done.stderr.strip())
        assert done.returncode == 0, done.stderr

    def start(self):
        self.start_bare()
        self.run("systemd-sysusers")
        self.run("journalctl", "--update-catalog")
        self.run("systemctl", "daemon-reload")

    def stop(self):
        subprocess.run([CONTAINER, "stop", self.root], check=True)

    def run(self, *command, check=True):
        done = subprocess.run([CONTAINER, "exec", self.root, *map(str, command)], capture_output=True, text=True,
                              check=False, stdin=subprocess.DEVNULL, timeout=net.PATIENCE)
        assert not check or done.returncode == 0, f"{' '.join(map(str, command))}: {done.returncode}\n" \
            f"{done.stdout}{done.stderr}\n{self.log()}"
        return done.stdout if check else done

    def log(self):
        done = subprocess.run([CONTAINER, "exec", self.root, "journalctl", "--no-pager", "-n", "60", "-o", "cat"],
                              capture_output=True, text=True, check=False)
        return done.stdout

    def show(self, name):
        return self.run("systemctl", "show", "--property", name, "--value", "huyingd").strip()

    def pid(self):
        return int(self.show("MainPID"))

    def wait_active(self, not_pid=0):
        """Until the service is ready, in another process than not_pid."""
        def ready():
            return self.show("SubState") == "running" and self.pid() != not_pid and self.pid()
        return net.wait_for(ready, what=lambda: f"huyingd to run:\n{self.log()}")

    def journal(self, *matches):
        """The records with these fields, as dictionaries."""
        self.run("journalctl", "--sync")
        out = self.run("journalctl", "--no-pager", "-o", "json", *matches)
        return [json.loads(line) for line in out.splitlines()]

    def settings(self, **values):
        """[Service] settings of this boot, over those of the unit."""
        text = "[Service]\n" + "".join(f"{k}={v}\n" for k, v in values.items())
        self.run("mkdir", "-p", "/run/systemd/system/huyingd.service.d")
        self.run("sh", "-c", 'printf %s "$1" >/run/systemd/system/huyingd.service.d/test.conf', "sh", text)
        self.run("systemctl", "daemon-reload")


@pytest.fixture(scope="module")
def booted():
    if os.geteuid() != 0:
        pytest.skip("a container needs root")
    folder = Path(tempfile.mkdtemp(prefix="hy-"))
    machine = None
    try:
        machine = Machine(folder)
        machine.start()
        yield machine
    finally:
        if machine is not None:
            machine.stop()
        shutil.rmtree(folder)


@pytest.fixture
def machine(booted):
    """A running service with a state folder that goes on from test to test, as a machine's does."""
    booted.run("systemctl", "start", "huyingd")
    return booted


def press(machine, event):
    """SOS over CoAP from inside, by whichever stock client is there; the receipt that follows the commit."""
    client = next((c for c in ("coap-client", "coap-client-notls", "coap-client-gnutls") if shutil.which(c)), None)
    if client is None:
        pytest.skip("no coap-client is installed")
    done = machine.run(client, "-m", "post", "-B", "30",
                       f"coap://127.0.0.1:5683/v1/alarm/sos?d=sos-101&id={event}", check=False)
    return json.loads(re.search(r"\{.*\}", done.stdout + done.stderr).group(0))


def test_start_returns_when_ready(machine):
    assert machine.show("ActiveState") == "active"
    assert machine.show("SubState") == "running"
    assert machine.show("StatusText") != ""
    [started] = machine.journal(f"MESSAGE_ID={LOG_IDS['STARTED']}")[-1:]
    assert started["_SYSTEMD_UNIT"] == "huyingd.service"
    assert started["PRIORITY"] == "6"
    assert int(started["_PID"]) == machine.pid()
    assert machine.run("stat", "-c", "%U:%G", f"/proc/{machine.pid()}").strip() == "huying:huying"


def test_folders_are_its_own(machine):
    assert machine.run("stat", "-c", "%U:%G %a", "/var/lib/huyingd").strip() == "huying:huying 750"
    assert machine.run("stat", "-c", "%U:%G %a", "/run/huyingd").strip() == "huying:huying 750"
    assert machine.run("find", "/var/lib/huyingd", "-perm", "/007").strip() == ""


def test_without_a_broker_it_runs_and_says_so(machine):
    def opened():
        return [r for r in machine.journal(f"MESSAGE_ID={LOG_IDS['OPENED']}") if r["HUYING_CLASS"] == "system"]
    assert net.wait_for(opened, what=machine.log)[0]["HUYING_INCIDENT"].isdigit()
    assert machine.show("SubState") == "running"


def test_a_press_is_in_the_system_journal_by_ids_alone(machine):
    receipt = press(machine, "e-journal")
    assert receipt["result"] == "recorded"
    [record] = machine.journal(f"HUYING_INCIDENT={receipt['incident']}", f"MESSAGE_ID={LOG_IDS['OPENED']}")
    assert record["HUYING_CLASS"] == "sos"
    assert record["PRIORITY"] == "5"
    explained = machine.run("journalctl", "--no-pager", "-x", f"MESSAGE_ID={LOG_IDS['OPENED']}")
    assert f"huyingctl show {receipt['incident']}" in explained
    everything = machine.run("journalctl", "--no-pager", "-o", "export", "-u", "huyingd")
    for private in "张虚构", "000-0000", "示范路":
        assert private not in everything


def test_root_can_ask_it(machine):
    receipt = press(machine, "e-control")
    shown = machine.run(machine.ctl, "--config", machine.config, "show", receipt["incident"])
    assert "sos" in shown.lower()


def test_kill_9_and_it_goes_on(machine):
    receipt = press(machine, "e-kill")
    pid = machine.pid()
    machine.run("kill", "-KILL", pid)
    machine.wait_active(not_pid=pid)
    assert int(machine.show("NRestarts")) >= 1
    again = press(machine, "e-kill")  # the device did not hear us and repeats: the same matter
    assert (again["incident"], again["seq"]) == (receipt["incident"], receipt["seq"])


def test_reload_keeps_the_process_and_refuses_nonsense(machine):
    pid = machine.pid()
    machine.run("systemctl", "reload", "huyingd")
    assert machine.pid() == pid
    bad = machine.config + ".d/zz-bad.conf"
    machine.run("sh", "-c", 'printf "[Ladder sos]\\nTier2=45s backup\\n" >"$1"', "sh", bad)
    try:
        machine.run("systemctl", "reload", "huyingd")
        assert machine.pid() == pid

        def told():
            return [r for r in machine.journal(f"_PID={pid}", "PRIORITY=3") if f"{bad}:2:" in r["MESSAGE"]]
        assert "at most 30s" in net.wait_for(told, what=machine.log)[0]["MESSAGE"]
        refused = machine.run(machine.daemon, "--config", machine.config, "--check", check=False)
        assert refused.returncode == 1
        assert f"{bad}:2:" in refused.stderr
    finally:
        machine.run("rm", bad)
    machine.run("systemctl", "reload", "huyingd")
    assert machine.show("SubState") == "running"


def test_a_second_daemon_is_refused(machine):
    second = machine.run("runuser", "-u", "huying", "--", "timeout", "30", machine.daemon, "--config", machine.config,
                         check=False)
    assert second.returncode not in (0, 124), second.stderr
    assert press(machine, "e-second")["result"] == "recorded"


def test_a_hung_process_is_replaced(machine):
    machine.settings(WatchdogSec="3s")
    machine.run("systemctl", "restart", "huyingd")
    pid = machine.pid()
    machine.run("kill", "-STOP", pid)
    machine.wait_active(not_pid=pid)
    assert any("Watchdog timeout" in r["MESSAGE"] for r in machine.journal("_PID=1", "UNIT=huyingd.service"))


class Stopped:
    """One thread of a process, stopped as a lost one is (the others go on): ptrace from outside the container."""

    SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17

    def __init__(self, thread):
        self.thread = thread
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.call(self.SEIZE)
        self.call(self.INTERRUPT)
        self.wait()
        # a traced thread that has ended is waited for by its tracer, and its process with it
        threading.Thread(target=self.wait, daemon=True).start()

    def wait(self):
        os.waitpid(self.thread, 0x40000000)  # __WALL

    def call(self, request):
        if self.libc.ptrace(ctypes.c_long(request), ctypes.c_long(self.thread), None, None) != 0:
            pytest.skip(f"no ptrace here: {os.strerror(ctypes.get_errno())}")


def outside_pid(machine):
    """The daemon as this machine sees it: by what only this container's daemon has, its binary in that root."""
    inner = machine.pid()
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            spaces = re.search(r"^NSpid:\s+(.*)$", status.read_text(), re.M).group(1).split()
            name = (status.parent / "comm").read_text().strip()
        except (OSError, AttributeError):
            continue
        if len(spaces) > 1 and int(spaces[-1]) == inner and name == "huyingd":
            return int(status.parent.name)
    return None


def test_a_lost_thread_is_noticed_although_the_loop_goes_on(machine):
    machine.settings(WatchdogSec="3s")
    machine.run("systemctl", "restart", "huyingd")
    pid = machine.pid()
    outside = outside_pid(machine)
    assert outside, "the daemon is not to be seen from outside"
    threads = [int(t.name) for t in Path(f"/proc/{outside}/task").iterdir() if int(t.name) != outside]
    assert len(threads) == 1, "the store's thread"
    stopped = Stopped(threads[0])
    assert "open" in machine.run(machine.ctl, "--config", machine.config, "status", check=False).stdout, "the loop goes on"
    machine.wait_active(not_pid=pid)
    assert stopped.thread == threads[0]
    told = [r["MESSAGE"] for r in machine.journal(f"_PID={pid}", "PRIORITY=3")]
    assert any("no progress of the store" in m for m in told), told


def test_stop_ends_in_five_seconds(machine):
    press(machine, "e-stop")
    machine.settings(TimeoutStopSec="5s")
    machine.run("systemctl", "stop", "huyingd")
    assert machine.show("Result") == "success"  # systemd would have said timeout
    assert machine.show("ExecMainStatus") == "0"
    assert machine.journal(f"MESSAGE_ID={LOG_IDS['STOPPED']}")
    assert machine.run("systemctl", "is-failed", "huyingd", check=False).stdout.strip() == "inactive"
