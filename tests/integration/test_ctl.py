# SPDX-License-Identifier: Apache-2.0
"""huyingctl against a running gateway, and against one that is down."""

import json
import re
import shutil

from net import DEMO, SOURCE, wait_for


def press(site, device="sos-101", event="e-1"):
    bed = site.device(device)
    site.press(bed, device, event)
    return site.receipt(bed, device, event)["incident"]


def test_status_says_whether_all_is_well(site):
    assert site.daemon.ctl("status").returncode == 0
    w01 = site.worker("w01")
    incident = press(site)
    troubled = site.daemon.ctl("status", check=False)
    assert troubled.returncode == 3, "an SOS that nobody has accepted"
    assert json.loads(site.daemon.ctl("--json", "status", check=False).stdout)["unanswered"] == 1
    assert site.act(w01, "w01", incident, "accept")["result"] == "ok"
    assert site.daemon.ctl("status").returncode == 0


def test_list_and_show_while_up_and_while_down(site):
    incident = press(site)
    assert [i["incident"] for i in json.loads(site.daemon.ctl("--json", "list").stdout)] == [incident]
    assert "sos-101" in site.daemon.ctl("list").stdout
    site.daemon.stop()
    listed = site.daemon.ctl("list")
    assert "sos-101" in listed.stdout and "not run" in listed.stderr
    assert site.daemon.ctl("status", check=False).returncode == 1
    shown = site.daemon.ctl("show", incident).stdout
    assert "e-1" in shown and "w01" in shown
    rows = json.loads(site.daemon.ctl("--json", "show", incident).stdout)["rows"]
    assert {"event", "opened", "notified"} <= {r["kind"] for r in rows}
    assert [r["seq"] for r in rows] == sorted({r["seq"] for r in rows})
    assert site.daemon.ctl("show", incident + 1, check=False).returncode == 1
    assert json.loads(site.daemon.ctl("--json", "verify").stdout)["good"] is True


def test_the_desk_answers(site):
    incident = press(site)
    refused = site.daemon.ctl("resolve", incident, "helped", worker="f101", check=False)
    assert refused.returncode == 1, "a relative cannot resolve"
    # d01 is the one desk of the demo community: no --as is needed. Its tier has not been called: it may supervise.
    accepted = json.loads(site.daemon.ctl("--json", "accept", incident).stdout)
    assert (accepted["result"], accepted["state"], accepted["owner"]) == ("ok", "accepted", "d01")
    assert json.loads(site.daemon.ctl("--json", "handoff", incident, "120", "ref-7").stdout)["result"] == "ok"
    assert site.daemon.ctl("arrived", incident, worker="d01").returncode == 0
    assert site.daemon.ctl("resolve", incident, "helped", "由社区陪护", worker="d01").returncode == 0
    assert "由社区陪护" in site.daemon.ctl("show", incident).stdout
    assert json.loads(site.daemon.ctl("--json", "list").stdout) == []


def test_duty(site):
    on = {w["worker"]: w["on"] for w in json.loads(site.daemon.ctl("--json", "duty").stdout)}
    assert on["w01"] is True
    assert site.daemon.ctl("duty", "off", check=False).returncode == 2, "somebody must be named"
    site.daemon.ctl("duty", "off", worker="w02")
    assert not [w for w in json.loads(site.daemon.ctl("--json", "duty").stdout) if w["worker"] == "w02" and w["on"]]
    site.daemon.ctl("duty", "on", worker="w02")
    assert [w for w in json.loads(site.daemon.ctl("--json", "duty").stdout) if w["worker"] == "w02" and w["on"]]


def test_import_takes_all_or_nothing(site, tmp_path):
    folder = tmp_path / "registry"
    shutil.copytree(DEMO, folder)
    devices = folder / "devices.csv"
    devices.write_text(devices.read_text() + "sos-999,button,,nowhere,,\n")
    refused = site.daemon.ctl("import", folder, check=False)
    assert refused.returncode == 1
    assert "devices.csv" in refused.stderr and "nowhere" in refused.stderr
    devices.write_text(devices.read_text().replace("nowhere", "h101"))
    site.daemon.ctl("import", folder)
    press(site, "sos-999")
    row = json.loads(site.daemon.ctl("--json", "list").stdout)[0]
    assert (row["device"], row["dwelling"]) == ("sos-999", "h101")


def test_rules_of_persons_are_imported_strictly(site, tmp_path):
    folder = tmp_path / "registry"
    shutil.copytree(DEMO, folder)
    rules = folder / "rules.csv"
    rules.write_text("resident,rule,value\nr101,samples,1/1\nr101,nap,1h\n")
    refused = site.daemon.ctl("import", folder, check=False)
    assert refused.returncode == 1
    assert "rules.csv:3:6:" in refused.stderr and "nap" in refused.stderr
    rules.write_text("resident,rule,value\nr101,samples,1/1\nr101,geofence,34.27110 108.94020 500m\n*,silence,off\n")
    site.daemon.ctl("import", folder)
    site.client().publish(site.topic("up/band-101/vitals"), '{"temp":38.6}', qos=1)  # one slight reading calls now
    row = wait_for(lambda: json.loads(site.daemon.ctl("--json", "list").stdout))[0]
    assert (row["device"], row["class"]) == ("band-101", "vital-urgent")


def test_who_leaves_the_registry_keeps_no_alert(site, tmp_path):
    """Names and telephone numbers stand in it."""
    bed, phone = site.device("sos-101"), site.worker("w01")
    site.press(bed, "sos-101", "e-1")
    incident = site.alert(phone, "w01")["incident"]
    folder = tmp_path / "registry"
    shutil.copytree(DEMO, folder)
    for name in "workers.csv", "duty.csv":
        lines = (folder / name).read_text().splitlines()
        (folder / name).write_text("\n".join(line for line in lines if not line.startswith("w01,")) + "\n")
    site.daemon.ctl("import", folder)
    topic = site.topic(f"worker/w01/alert/{incident}")
    phone.wait(topic, lambda m: m.payload == b"")
    late = site.client()
    late.subscribe(site.topic("worker/w01/#"))
    site.press(bed, "sos-101", "e-2")
    assert site.receipt(bed, "sos-101", "e-2")["incident"] == incident
    assert not late.received(topic, lambda m: m.payload), "nor does he get another"


def test_drill_calls_nobody_unless_told_twice(site):
    watcher = site.client()
    watcher.subscribe(site.topic("worker/#"))
    mark = watcher.mark()
    site.daemon.ctl("drill", "sos-101")
    assert site.daemon.ctl("drill", "sos-101", "--call", check=False).returncode == 2
    assert json.loads(site.daemon.ctl("--json", "list").stdout) == []
    real = json.loads(site.daemon.ctl("--json", "drill", "sos-101", "--call", "--yes").stdout)
    assert real["result"] == "recorded"
    alert = site.alert(watcher, "w01", real["incident"]) # came, and was the first thing that came
    assert alert["kind"] == "sos"
    assert not watcher.received(site.topic("worker/+/alert/+"), lambda m: m.json.get("incident") != real["incident"], mark)


def test_usage(site):
    assert site.daemon.ctl("--help").returncode == 0
    assert "0." in site.daemon.ctl("--version").stdout
    for arguments in ([], ["explode"], ["show"], ["show", "x"], ["resolve", "1"], ["accept", "0"], ["--nonsense"]):
        assert site.daemon.ctl(*arguments, check=False).returncode == 2, arguments


def test_many_at_once(site):
    incidents = [press(site, device) for device in ("sos-101", "sos-102", "sos-501", "sos-201")]
    assert sorted(i["incident"] for i in json.loads(site.daemon.ctl("--json", "list").stdout)) == sorted(incidents)
    wait_for(lambda: json.loads(site.daemon.ctl("--json", "status", check=False).stdout)["unanswered"] == 4)


def test_the_help_names_every_option(site):
    table = (SOURCE / "tools" / "huyingctl" / "huyingctl.c").read_text(encoding="utf-8")
    said = site.daemon.ctl("--help").stdout
    options = re.findall(r'(?:WITH|FLAG)\("([a-z-]+)"', table)
    assert len(options) > 30 and [o for o in options if f"--{o}" not in said] == []
