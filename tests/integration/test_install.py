# SPDX-License-Identifier: Apache-2.0
"""tools/install on a box with a real systemd: from nothing to a call that a worker has seen, and away again."""

import json
import shutil
import tempfile
from pathlib import Path

import pytest

import net
from test_service import Machine


@pytest.fixture(scope="module")
def box():
    for program in "mosquitto_sub", "openssl", "meson":
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    folder = Path(tempfile.mkdtemp(prefix="hy-", dir="/tmp"))
    machine = None
    try:
        machine = Machine(folder)
        shutil.rmtree(machine.tree)  # nothing of ours is there yet
        machine.tree.mkdir()
        machine.start_bare()
        if machine.run("test", "-x", net.SOURCE / "tools" / "install", check=False).returncode != 0 or \
                machine.run("test", "-f", net.BUILD / "build.ninja", check=False).returncode != 0:
            pytest.skip("the source or the build is on a file system that the container does not see")
        yield machine
    finally:
        if machine is not None:
            machine.stop()
        shutil.rmtree(folder)


def install(box, *arguments, check=True):
    return box.run("env", f"HUYING_BUILD={net.BUILD}", net.SOURCE / "tools" / "install", *arguments, check=check)


def test_from_nothing_to_a_call_that_was_seen(box):
    out = install(box, "--site", "garden")
    assert "password" in out and "#u=w01" in out
    assert box.show("SubState") == "running"
    assert box.run("systemctl", "is-enabled", "huyingd", "mosquitto").split() == ["enabled", "enabled"]
    # the secret is in no place where others can read it
    assert box.run("stat", "-c", "%a %U", Path(box.config).parent / "credentials" / "mqtt-password").strip() == "600 root"
    assert box.run("stat", "-c", "%a", "/etc/mosquitto/passwd").strip() == "640"
    assert box.run("stat", "-c", "%a %U %G", Path(box.config).parent / "coap-psk").strip() == "640 root huying"
    assert box.run("stat", "-c", "%a %G", Path(box.config).parent / "registry").strip() == "750 huying"
    listed = box.run(box.ctl, "--config", box.config, "--json", "list", "--all")
    assert "resolved" in listed or "closed" in listed, listed
    # over TLS: phones' proxy and devices get a certificate that the site's authority has signed, and the broker takes it
    certs, ca = "/etc/mosquitto/certs", Path(box.config).parent / "credentials" / "ca"
    assert box.run("stat", "-c", "%a %U", ca / "ca.key").strip() == "600 root"
    assert box.run("stat", "-c", "%a %U", f"{certs}/server.key").strip() == "600 mosquitto"
    box.run(box.ctl, "--config", box.config, "--output", "/root", "enroll", "device", "sos-101", "--cert")
    hello = ["mosquitto_pub", "-h", "localhost", "-p", "8883", "--cafile", f"{certs}/ca.crt", "--cert", "/root/sos-101.crt", "--key",
             "/root/sos-101.key", "-i", "sos-101", "-q", "1", "-t", "huying/garden/up/sos-101/status", "-m", "{}"]
    box.run(*hello)
    # its key for DTLS came with it, and a reload is enough for the gateway to read it
    box.run("systemctl", "reload", "huyingd")
    net.wait_for(lambda: "coap: 1 keys" in box.run("journalctl", "-u", "huyingd", "-o", "cat"), what="the key")
    box.run(box.ctl, "--config", box.config, "revoke", "sos-101")
    box.run("systemctl", "restart", "mosquitto")
    assert box.run(*hello, check=False).returncode != 0, "revoked"
    assert f"{Path(box.config).parent}/tls/server.crt" in box.run("cat", Path(box.config).parent / "nginx-huying.conf")
    # as an installer's next steps: the doctor knows what is missing, and nothing else
    told = box.run(box.ctl, "--config", box.config, "doctor", check=False)
    assert "✓ 消息服务器设置正确" in told.stdout, told.stdout
    assert "网关没有运行" not in told.stdout
    assert "huyingctl enroll worker CODE" in told.stdout


def test_again_keeps_what_is_there(box):
    secret = Path(box.config).parent / "credentials" / "mqtt-password"
    before = box.run("cat", secret)
    authority = box.run("cat", Path(box.config).parent / "credentials" / "ca" / "ca.key")
    # an older installer had the keys of devices handed over by systemd, where a reload does not see them
    etc = Path(box.config).parent
    old = "s|^PSKFile=.*|PSKFile=/run/credentials/huyingd.service/coap-psk|"
    keys = box.run("cat", etc / "coap-psk")
    box.run("mv", etc / "coap-psk", etc / "credentials" / "coap-psk")
    box.run("sed", "-i", old, etc / "huyingd.conf.d" / "10-install.conf")
    install(box, "--site", "garden")
    assert box.run("cat", etc / "coap-psk") == keys
    assert f"PSKFile={etc}/coap-psk" in box.run("cat", etc / "huyingd.conf.d" / "10-install.conf")
    assert box.run("cat", secret) == before
    assert box.run("cat", Path(box.config).parent / "credentials" / "ca" / "ca.key") == authority


def test_uninstall_leaves_the_record(box):
    install(box, "--uninstall")
    assert box.run("systemctl", "show", "--property", "LoadState", "--value", "huyingd").strip() == "not-found"
    assert box.run("test", "-e", box.daemon, check=False).returncode != 0
    assert box.run("stat", "-c", "%s", "/var/lib/huyingd/journal.db").strip() != "0"
    assert box.run("test", "-e", Path(box.config).parent / "registry" / "devices.csv", check=False).returncode == 0
