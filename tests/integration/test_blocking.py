# SPDX-License-Identifier: Apache-2.0
"""What may hang for ever, and the loop must not: a disk at the start, at a reload and at an import, a name
server. While it hangs, a press is taken and a worker is called; nothing acknowledged is lost when it is over."""

import shutil
import signal
import subprocess

import pytest

import net
from net import wait_for
from test_fault import DISK_FAULT, PRELOADED, WORDS, Button, account, rows, system_alert

NAME_HANG = net.BUILD / "tests" / "fault" / "libname-hang.so"


def faulty(make_site, tmp_path, part, **options):
    """A site whose files with `part` in their path do what site.disk(line) says."""
    if not DISK_FAULT.exists():
        pytest.skip("libdisk-fault.so is not built")
    control = tmp_path / "disk"
    control.write_text("")
    site = make_site(environment={"LD_PRELOAD": str(DISK_FAULT), "DISK_FAULT_PATH": part,
                                  "DISK_FAULT_CONTROL": str(control)}, **options)
    site.disk = control.write_text
    return site


@pytest.mark.parametrize("fault, copy", [("hang", True), ("dead", True), ("dead", False)])
def test_the_disk_does_not_answer_at_the_start(make_site, tmp_path, fault, copy):
    site = faulty(make_site, tmp_path, "/state")
    button, phone, operator = Button(site), site.worker("w01"), site.worker("o01")
    first = button.press("before")
    site.act(phone, "w01", first["incident"], "accept")
    wait_for((site.daemon.folder / "run" / "registry.export").exists, what="the copy in memory")
    site.daemon.stop()
    if not copy:  # as after a boot: then the registry comes from its CSV files, and the numbers are new ones
        (site.daemon.folder / "run" / "registry.export").unlink()
    site.disk(fault)
    try:
        site.daemon.start()  # READY=1 although nothing answers
        site.wait_online()
        mark = len(phone.messages)
        button.sent.append("during")
        site.press(button.client, "sos-101", "during")
        alert = site.alert(phone, "w01", where=lambda a: a["recorded"] is False and a["event"] == "during", since=mark)
        assert alert["incident"] > first["incident"], "a number never means two matters"
        system_alert(site, operator, "store")
        assert not button.has("during"), "no receipt for what is not recorded"
    finally:
        site.disk("")
    button.sent.remove("during")
    button.press("during")
    button.press("after")
    shown = site.daemon.ctl("--json", "show", first["incident"]).stdout
    assert "accepted" in shown, "what was open before is open again, in the state it had"
    account(site, f"disk at the start: {WORDS.get(fault, 'no call comes back')}{'' if copy else ', no copy in memory'}", PRELOADED,
            button, "w01 at once; operator: store")


def certificates(folder):
    """A CA, and a server's certificate for localhost."""
    def openssl(*words):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                        "30", *map(str, words)], check=True, capture_output=True)
    openssl("-subj", "/CN=test ca", "-keyout", folder / "ca.key", "-out", folder / "ca.crt")
    openssl("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-CA", folder / "ca.crt", "-CAkey",
            folder / "ca.key", "-keyout", folder / "server.key", "-out", folder / "server.crt")


def test_the_name_server_does_not_answer(make_broker, make_site, tmp_path):
    """With TLS the library itself would look the name up, in the loop."""
    if not NAME_HANG.exists():
        pytest.skip("libname-hang.so is not built")
    certificates(tmp_path)
    port, asked = net.free_port(), tmp_path / "asked"
    broker = make_broker(config=f"listener {port} localhost\ncafile {tmp_path}/ca.crt\ncertfile {tmp_path}/server.crt\n"
                                f"keyfile {tmp_path}/server.key\n")
    site = make_site(broker, settings={"MQTT": {"Host": "localhost", "Port": str(port), "CAFile": f"{tmp_path}/ca.crt"}},
                     environment={"LD_PRELOAD": str(NAME_HANG), "NAME_HANG_NOTE": str(asked)})
    phone, button = site.worker("w01"), Button(site)
    assert button.press("before")
    broker.restart()  # dials again
    site.wait_online()
    assert button.press("after")
    assert site.alert(phone, "w01")
    assert not asked.exists(), "nobody asked for a name in a way that waits"
    account(site, "name server hangs, broker by name over TLS", "preloaded `getaddrinfo`", button, "w01 at once")


def test_a_certificate_of_another_name_is_refused(make_broker, make_site, tmp_path):
    """OpenSSL compares the name now, not the library: it has to be seen to."""
    certificates(tmp_path)
    port = net.free_port()
    make = {"cafile": "ca.crt", "certfile": "server.crt", "keyfile": "server.key"}
    broker = make_broker(config=f"listener {port} 127.0.0.1\n" + "".join(f"{k} {tmp_path}/{v}\n" for k, v in make.items()))
    site = make_site(broker, start=False,
                     settings={"MQTT": {"Host": "127.0.0.1", "Port": str(port), "CAFile": f"{tmp_path}/ca.crt"}})
    site.daemon.start()
    wait_for(lambda: "cannot dial: A TLS error" in site.daemon.output() or "failed before it was" in site.daemon.output(),
             what="a refusal")
    assert "connected as" not in site.daemon.output()


def test_an_import_from_a_stick_that_does_not_answer(make_site, tmp_path):
    """One import at a time; who gives up is no obstacle to the next; what was bound meanwhile is not mixed up."""
    stick, other = tmp_path / "stick" / "registry", tmp_path / "other"
    shutil.copytree(net.DEMO, stick)
    shutil.copytree(net.DEMO, other)
    with open(stick / "devices.csv", "a", encoding="utf-8") as devices:
        devices.write("sos-999,button,,h102,,\n")
    site = faulty(make_site, tmp_path, "/stick/")
    phone, button = site.worker("w01"), Button(site)

    def start():
        return subprocess.Popen([net.BUILD / "tools" / "huyingctl" / "huyingctl", "--config", site.daemon.config, "import", stick],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def begin():
        running = [start()]

        def under_way():
            if running[-1].poll() is not None:
                running.append(start())  # it was itself the second one
            return "another import" in site.daemon.ctl("import", other, check=False).stderr
        wait_for(under_way, what="the import, and a refusal of a second one")
        return running[-1]
    site.disk("dead")
    first = begin()
    try:
        assert button.press("during"), "the loop has not stopped"
        assert site.alert(phone, "w01")
    finally:
        first.kill()
        first.communicate()
    wait_for(lambda: site.daemon.ctl("import", other, check=False).returncode == 0, what="the next one")
    second = begin()
    try:
        site.daemon.ctl("bind", "sos-777", "h101", "button")
        site.press(site.device("sos-777"), "sos-777", "bound")
        bound = site.alert(phone, "w01", where=lambda a: a["event"] == "bound")
        site.disk("")
        out, _ = second.communicate(timeout=net.PATIENCE)
        assert second.returncode == 0, out
    finally:
        second.kill()
    assert rows(site, "select code, retired from device where code in ('sos-777', 'sos-999') order by code") == \
        [("sos-777", 1), ("sos-999", 0)], "not one number for both"
    site.press(site.device("sos-999"), "sos-999", "new")
    assert site.alert(phone, "w01", where=lambda a: a["device"] == "sos-999")["incident"] != bound["incident"]
    account(site, "disk hangs at an import", PRELOADED, button, "w01 at once")


def test_a_reload_from_a_disk_that_does_not_answer(make_site, tmp_path):
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "password").write_text("first\n")
    site = faulty(make_site, tmp_path, "/secrets/", settings={"MQTT": {"PasswordFile": str(secrets / "password")}})
    phone, button = site.worker("w01"), Button(site)
    site.disk("dead")
    site.daemon.signal(signal.SIGHUP)
    wait_for(lambda: site.daemon.said("RELOADING=1"), what="the reload")
    assert button.press("during"), "the loop has not stopped"
    assert site.alert(phone, "w01")
    site.broker.restart()  # a connection that dials reads no file either
    site.wait_online()
    assert "configuration reloaded" not in site.daemon.output()
    site.daemon.signal(signal.SIGHUP)  # one more: it is remembered
    site.disk("")
    wait_for(lambda: site.daemon.output().count("configuration reloaded") == 2, what="both reloads")
    (secrets / "password").unlink()
    site.daemon.signal(signal.SIGHUP)
    wait_for(lambda: "the old configuration stays" in site.daemon.output(), what="a refusal: a secret is missing")
    account(site, "disk hangs at a reload", PRELOADED, button, "w01 at once")

