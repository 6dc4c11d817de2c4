# SPDX-License-Identifier: Apache-2.0
"""huyingctl doctor: each finding is made, found, and gone when it is mended. What belongs to the box (the broker's
configuration, the flash chip, the disk) is put in its place in a mount namespace of the command's own."""

import csv
import os
import shlex
import shutil
import subprocess

import pytest

import net


def namespaces():
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0


@pytest.fixture
def doctor(site, tmp_path):
    """doctor(*shell lines): what it says after these lines, which see $BROKER, the folder that becomes /etc/mosquitto."""
    if not namespaces():
        pytest.skip("only root has mount namespaces")
    broker = tmp_path / "broker"
    broker.mkdir()
    for name in "mosquitto.conf", "acl":
        shutil.copy(net.SOURCE / "config" / "mosquitto" / name, broker)
    (broker / "passwd").write_text("".join(f"{w}:$7$x\n" for w in ("w01", "w02", "f101", "d01", "s01", "c01", "o01")))

    def say(*lines):
        ctl = [str(net.BUILD / "tools" / "huyingctl" / "huyingctl"), "--config", str(site.daemon.config), "doctor"]
        script = "\n".join(["set -e", f"BROKER={shlex.quote(str(broker))}", *lines, "mkdir -p /etc/mosquitto",
                            "mount --bind $BROKER /etc/mosquitto", shlex.join(ctl)])
        return subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=False)
    say.site = site
    return say


FLASH = ("mount -t tmpfs tmpfs /sys/block", "mkdir -p /sys/block/mmcblk0/device")

BROKER = [
    ("persistence false", "s/^persistence true/persistence false/", "forgets its sessions"),
    ("no place for it", "/^persistence_location/d", "forgets its sessions"),
    ("anonymous", "s/^allow_anonymous false/allow_anonymous true/", "without a password"),
    ("no ACL", "/^acl_file/d", "has no ACL"),
    ("client ids", "0,/^use_username_as_clientid/{/^use_username_as_clientid/d}", "use_username_as_clientid"),
    ("writes each message", "s/^autosave_on_changes false/autosave_on_changes true/", "wears out flash"),
    ("drops silently", "$ a message_size_limit 1000", "acknowledges and drops"),
    ("no window", "s/^max_inflight_messages.*/max_inflight_messages 0/", "is 0"),
    ("slow", "/^set_tcp_nodelay/d", "set_tcp_nodelay is off")]


def test_the_broker(doctor):
    assert "✓ 消息服务器设置正确" in doctor().stdout
    for what, change, said in BROKER:
        copy = "cp -r $BROKER $BROKER.bad; BROKER=$BROKER.bad"
        told = doctor("rm -rf $BROKER.bad", copy, f"sed -i {shlex.quote(change)} $BROKER/mosquitto.conf")
        assert told.returncode == 3 and said in told.stdout, (what, told.stdout, told.stderr)
        assert "✓ 消息服务器设置正确" not in told.stdout
    assert "stays at the broker" in doctor("sed -i 's,readwrite \\(.*/day\\),write \\1,' $BROKER/acl").stdout
    assert "the ACL does not name this site" in doctor("sed -i s/demo/other/ $BROKER/acl").stdout


def test_the_disk(doctor):
    state = doctor.site.daemon.state
    young = [*FLASH, "echo 0x01 0x02 >/sys/block/mmcblk0/device/life_time"]
    well = doctor(*young, f"mount -t tmpfs -o size=1g,mode=0700 tmpfs {state}").stdout
    assert "✓ 磁盘正常" in well, well
    old = doctor(*FLASH, "echo 0x01 0x09 >/sys/block/mmcblk0/device/life_time").stdout
    assert "the flash chip has used up most of its life" in old
    for options, said in (("size=10m", "less than 256 MB"), ("size=1g,nr_inodes=100k", ""), ("size=1g,ro", "read-only")):
        told = doctor(*young, f"mount -t tmpfs -o mode=0700,{options} tmpfs {state}").stdout
        assert said in told and ("✓ 磁盘正常" in told) == (said == ""), (options, told)
    full = doctor(*young, f"mount -t tmpfs -o size=1g,mode=0700,nr_inodes=100 tmpfs {state}",
                  f"i=0; while [ $i -lt 97 ]; do : >{state}/$i; i=$((i + 1)); done").stdout
    assert "few inodes are left" in full
    assert "everybody may read the state folder" in doctor(f"mount -t tmpfs -o size=1g,mode=0755 tmpfs {state}").stdout


def test_devices_that_nobody_has_tried(doctor):
    site = doctor.site
    bed, everybody = site.client(), [row["device"] for row in csv.DictReader(open(net.DEMO / "devices.csv", encoding="utf-8"))]
    for code in everybody[1:]:
        bed.publish(site.topic(f"up/{code}/alarm"), {"id": "t", "kind": "test"})
    site.daemon.ctl("drill", everybody[0])
    told = net.wait_for(lambda: (t := doctor().stdout) and t.count(everybody[0]) and everybody[1] not in t and t,
                        what=lambda: f"one device to be left\n{doctor().stdout}")
    assert "devices of which no alarm has ever arrived" in told
    bed.publish(site.topic(f"up/{everybody[0]}/alarm"), {"id": "t", "kind": "sos"})
    net.wait_for(lambda: "✓ 每台设备都试过" in doctor().stdout, what=lambda: f"no device to be left\n{doctor().stdout}")


def test_hours_with_nobody_on_duty(make_site, tmp_path):
    registry = tmp_path / "registry"
    shutil.copytree(net.DEMO, registry)
    assert "✓ 两周内" in make_site().daemon.ctl("doctor", check=False).stdout
    with open(registry / "duty.csv", "a", encoding="utf-8") as duty:
        duty.write("c01,mon,00:00,24:00,,\n")  # the desk of the last tier, which was always there
    told = make_site(registry=registry).daemon.ctl("doctor", check=False).stdout
    assert "hours in the next two weeks with nobody on duty" in told, told
