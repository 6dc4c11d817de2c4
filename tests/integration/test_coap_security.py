# SPDX-License-Identifier: Apache-2.0
"""CoAP against those who mean ill: keys and identities, signed requests, packets that kill the library, floods."""

import hashlib
import hmac
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import time

import pytest

import net

KEY = "a-key-of-the-demo-button"
ENOUGH = 20  # s: a client that is refused says nothing for this long


@pytest.fixture
def site(make_site, tmp_path):
    if shutil.which("coap-client-gnutls") is None:
        pytest.skip("coap-client-gnutls is not installed")
    (tmp_path / "keys").write_text("".join(f"{d}:{KEY.encode().hex()}\n" for d in ("sos-101", "band-101")))
    port = net.free_port()
    made = make_site(settings={"CoAP": {"ListenDTLS": f"127.0.0.1:{port}", "PSKFile": str(tmp_path / "keys")}})
    made.dtls_port = port
    return made


def secure(site, path, identity="sos-101", key=KEY, **options):
    return net.coap(f"coaps://127.0.0.1:{site.dtls_port}/{path}", psk=(identity, key), **options)


def journal(site):
    with sqlite3.connect(f"file:{site.daemon.journal}?mode=ro", uri=True) as db:
        return [json.loads(body) for (body,) in db.execute("select body from journal where kind = 10 order by seq")]


def sender(row):
    return row.get("device") or row.get("source")


def count(site, name):
    return json.loads(site.daemon.ctl("--json", "status", check=False).stdout)["counters"].get(name, 0)


def signed(target, device, kind="", event="", counter=1, body=b"", key=KEY):
    text = b"\0".join(s.encode() for s in ("huying1", target, device, kind, event, str(counter))) + b"\0" + body
    mac = hmac.new(key if isinstance(key, bytes) else key.encode(), text, hashlib.sha256).hexdigest()[:32]
    path = f"v1/{target}" + (f"/{kind}" if kind else "")
    return f"{path}?d={device}" + (f"&id={event}" if event else "") + f"&n={counter}&h={mac}"


def test_the_key_is_the_device(site):
    answer = secure(site, "v1/alarm/sos?id=e-1")
    assert answer.code == "2.01", answer
    assert answer.json["result"] == "recorded"
    # another device's name is not believed
    assert secure(site, "v1/alarm/sos?d=smoke-101&id=e-2").code == "2.01"
    assert [(e["device"], e["id"]) for e in journal(site)] == [("sos-101", "e-1"), ("sos-101", "e-2")]


def test_who_has_no_key_does_not_come_in(site):
    for identity, key in (("sos-101", "guess-guess-guess-guess"), ("smoke-101", KEY), ("huying", KEY)):
        assert secure(site, "v1/alarm/sos?id=forged", identity, key, seconds=3).code is None
    assert secure(site, "v1/alarm/sos?id=e-1").code == "2.01"
    assert [e["id"] for e in journal(site)] == ["e-1"]


class Lamp:
    """A device that shakes hands once and watches a lamp from then on, in that same session."""

    def __init__(self, site, incident, identity, log):
        self.log = log / f"lamp-{identity}"
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(
                ["coap-client-gnutls", "-m", "get", "-v", "6", "-s", "120", "-u", identity, "-k", KEY,
                 f"coaps://127.0.0.1:{site.dtls_port}/a/{incident}"], stdout=out, stderr=subprocess.STDOUT)
        net.wait_for(lambda: self.says("received"), what="the lamp")

    def says(self, word):
        return word in self.log.read_text(errors="replace")

    def end(self):
        self.process.kill()
        self.process.wait()


@pytest.mark.sanitized
def test_keys_come_and_go_with_a_reload(site, tmp_path):
    """One device is enrolled, one revoked, one gets another key, and one, whose key is as it was, notices nothing."""
    incident = site.coap("v1/alarm/sos?d=smoke-101").json["incident"]  # it has no key: nothing is asked of it
    keys, other = tmp_path / "keys", "another-key-for-the-button"
    line = "{}:{}\n".format

    def reload(text, word="configuration reloaded"):
        before = site.daemon.output().count(word)
        keys.write_text(text)
        site.daemon.signal(signal.SIGHUP)
        net.wait_for(lambda: site.daemon.output().count(word) > before, what="the reload")
    old = KEY.encode().hex()
    reload(line("sos-101", old) + line("band-101", old) + line("sos-102", old))
    assert site.coap(signed("status", "sos-101", counter=500)).code == "2.04"
    lamps = [Lamp(site, incident, device, tmp_path) for device in ("sos-101", "band-101", "sos-102")]
    try:
        # nonsense is refused with its line, and nobody loses anything
        reload(line("sos-101", old) + "nonsense\n", "the old configuration stays")
        assert f"{keys}:2: expected device:key" in site.daemon.output()
        assert count(site, "coap.dtls_rekeyed") == 0
        assert secure(site, "v1/status", "band-101").code == "2.04"
        reload(line("sos-101", old) + line("sos-102", other.encode().hex()) + line("smoke-101", old))
        assert count(site, "coap.dtls_rekeyed") in (2, 3)  # the status just before may still stand
        site.daemon.ctl("accept", incident, worker="w01")
        net.wait_for(lambda: lamps[0].says("accepted"), what="the session of the key that stays")
        assert secure(site, "v1/status", "sos-102", other).code == "2.04", "its new key"
        assert secure(site, "v1/status", "smoke-101").code == "2.04", "enrolled while it ran"
        assert not lamps[1].says("accepted") and not lamps[2].says("accepted")
    finally:
        for lamp in lamps:
            lamp.end()
    for identity in "sos-102", "band-101":
        assert secure(site, "v1/status", identity, seconds=3).code is None, "a key that is void"
    # a recording is an old one after the reload too
    assert site.coap(signed("status", "sos-101", counter=400)).code == "4.01"
    assert site.coap(signed("status", "sos-101", counter=501)).code == "2.04"


def test_who_is_enrolled_counts_after_the_command_that_enroll_says(site, tmp_path):
    def ctl(*arguments):
        return site.daemon.ctl("--accounts", tmp_path / "accounts", *arguments).stdout

    def reload(keys):
        site.daemon.signal(signal.SIGHUP)
        net.wait_for(lambda: f"coap: {keys} keys" in site.daemon.output(), what="the reload")
    out = ctl("enroll", "device", "smoke-101")
    assert out.rstrip().endswith("to take effect: systemctl reload mosquitto huyingd"), out
    key = bytes.fromhex(re.search(r"DTLS 密钥 key +([0-9a-f]{64}) ", out)[1])
    reload(3)
    assert site.coap(signed("status", "smoke-101", counter=1, key=key)).code == "2.04"
    assert site.coap("v1/status?d=smoke-101").code == "4.01", "it has a key"
    # a unit that hands the keys over has made a copy of its start: a reload is not promised there
    handed = tmp_path / "handed.conf"
    handed.write_text(site.daemon.config.read_text() + "\n[CoAP]\nPSKFile=/run/credentials/huyingd.service/coap-psk\n")
    out = ctl("--config", handed, "--keys", tmp_path / "keys", "enroll", "device", "smoke-101")
    assert "systemctl reload mosquitto; systemctl restart huyingd" in out and "LoadCredential" in out, out
    assert "systemctl reload mosquitto huyingd" in ctl("revoke", "smoke-101")
    reload(2)
    assert site.coap("v1/status?d=smoke-101").code == "2.04"
    # no file of keys any more: nobody has one, and what needs a restart is named
    conf = site.daemon.config.read_text()
    site.daemon.config.write_text("".join(line for line in conf.splitlines(keepends=True) if not line.startswith(("PSKFile", "ListenDTLS"))))
    assert site.coap("v1/status?d=sos-101").code == "4.01"
    reload(0)
    assert site.coap("v1/status?d=sos-101").code == "2.04"
    assert secure(site, "v1/status", "sos-101", seconds=3).code is None
    net.wait_for(lambda: "a restart is needed for [CoAP] ListenDTLS" in site.daemon.output(), what="what needs a restart")


def test_a_device_that_restarts_on_its_port_is_heard(site):
    port = net.free_port()
    first = subprocess.Popen(["coap-client-gnutls", "-p", str(port), "-m", "get", "-s", "60", "-u", "sos-101", "-k", KEY,
                              f"coaps://127.0.0.1:{site.dtls_port}/.well-known/core"], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
    try:
        assert first.stdout.read(1), "an answer, so that the session stands"
    finally:
        first.send_signal(signal.SIGKILL)  # no close_notify: as when the battery is taken out
        first.wait()
    assert secure(site, "v1/alarm/sos?id=e-1", options=("-p", str(port)), seconds=60).code == "2.01"


def test_signed_requests(site):
    body = json.dumps({"battery": 40}).encode()
    good = site.coap(signed("alarm", "sos-101", "sos", "e-1", 7))
    assert good.code == "2.01", good
    assert site.coap(signed("status", "sos-101", counter=8, body=body), payload=body, content_format=50).code == "2.04"
    # a repetition of what is still without an answer, after others were sent
    assert site.coap(signed("alarm", "sos-101", "sos", "e-1", 7)).json["incident"] == good.json["incident"]
    assert [e["device"] for e in journal(site)] == ["sos-101"]
    assert count(site, "coap.unsigned") == 0
    # no signature, a wrong one, one for other bytes, one of another device: readings are refused
    for path, sent in (("v1/status?d=sos-101", body), (signed("status", "sos-101", counter=9, body=body, key="x" * 20), body),
                       (signed("status", "sos-101", counter=9, body=body), b'{"battery":90}'),
                       (signed("status", "band-101", counter=9, body=body).replace("band-101", "sos-101"), body),
                       (signed("status", "sos-101", counter=9, body=body).replace("n=9", "n=10"), body)):
        answer = site.coap(path, payload=sent, content_format=50)
        assert answer.code == "4.01", (path, answer)
    assert count(site, "coap.unsigned") == 5
    # a device without a key is asked for nothing
    assert site.coap("v1/status?d=smoke-101", payload=body, content_format=50).code == "2.04"


def test_an_unsigned_alarm_calls_people_but_is_not_the_devices(site):
    phone = site.worker("w01")
    forged = site.coap("v1/alarm/sos?d=sos-101&id=e-1")
    assert forged.code == "2.01", "nothing is refused that may be a call for help"
    assert sender(journal(site)[-1]) == "?sos-101"
    alert = site.alert(phone, "w01", forged.json["incident"])
    assert alert["name"] is None, "no resident's name for a sender whom nobody knows"
    # a recording of long ago
    recorded = signed("alarm", "sos-101", "sos", "e-2", 5)
    true = site.coap(recorded)
    assert site.coap(signed("alarm", "sos-101", "sos", "e-3", 500)).code == "2.01"
    again = site.coap(recorded)
    assert again.code == "2.01" and again.json["incident"] != true.json["incident"]
    assert [sender(e) for e in journal(site)] == ["?sos-101", "sos-101", "sos-101", "?sos-101"]


def option(delta, value=b""):
    assert len(value) < 13
    head, more = (delta, b"") if delta < 13 else (13, bytes([delta - 13]))
    return bytes([head << 4 | len(value)]) + more + value


def message(code, mid, options, payload=None, kind=0, token=b"t"):
    return struct.pack(">BBH", 0x40 | kind << 4 | len(token), code, mid) + token + options + \
        (b"\xff" + payload if payload is not None else b"")


def test_packets_that_kill_the_library_do_not_kill_us(site):
    """Block-wise requests and replies that crash libcoap 4.3.1 where it puts bodies together; and ten thousand
    mutations of them."""
    paths = option(11, b"v1") + option(0, b"alarm") + option(0, b"sos")
    killers = []
    for code in 1, 2, 3, 5, 6, 7:
        for block in b"", b"\x08", b"\x0e", b"\x1e", b"\x0f", b"\xff\xff\xff", b"\x18":
            killers += [message(code, 1, option(11, b"a") + option(16, block)),
                        message(code, 2, paths + option(16, block)),
                        message(code, 3, paths + option(12, block)),
                        message(code, 4, paths + option(16, block) + option(33, b"\xff\xff\xff\xff"), b"x" * 16),
                        message(code, 5, option(6, b"") + option(5, b"a") + option(16, block))]
    killers += [message(0xa8, 6, option(16, b"\x01"), b"\x00"), message(0x84, 7, b""), message(0, 8, b"", token=b""),
                message(0xe1, 9, option(2, b"\x10")), message(0xe5, 10, b"", b"bad csm")]
    rng = random.Random(7)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for n in range(10000):
            packet = bytearray(rng.choice(killers))
            if n >= len(killers):
                for _ in range(rng.randrange(1, 4)):
                    packet[rng.randrange(len(packet))] = rng.randrange(256)
                if rng.random() < 0.2:
                    del packet[rng.randrange(len(packet)):]
            else:
                packet = bytearray(killers[n])
            sock.sendto(packet, ("127.0.0.1", site.daemon.coap_port))
            if n % 500 == 0:
                time.sleep(0.02)
                sock.sendto(bytes(rng.randrange(256) for _ in range(60)), ("127.0.0.1", site.dtls_port))
    assert site.coap(signed("alarm", "sos-101", "sos", "e-alive", 1)).code == "2.01"
    assert secure(site, "v1/alarm/sos?id=e-alive-too").code == "2.01"


def test_forged_sources_do_not_starve_an_honest_device(site):
    """Any address of 127/8 is ours to send from: 20,000 datagrams of as many senders at each port, and all the while a
    button that calls for help."""
    rng = random.Random(11)
    hello = bytes.fromhex("16feff0000000000000000003001000024000000000000002400fefd") + bytes(32) + b"\0\0\0\x02\0\xae\1\0"
    assert secure(site, "v1/status").code == "2.04", "the device was heard before"
    stop = net.threading.Event()
    sent = [0]

    def flood():
        while not stop.is_set():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.bind((f"127.{rng.randrange(1, 255)}.{rng.randrange(256)}.{rng.randrange(1, 255)}", 0))
                for _ in range(4):
                    junk = message(2, rng.randrange(65536), option(11, b"v1") + option(0, b"status") +
                                   option(4, b"d=" + b"%09d" % rng.randrange(10**9)), b"{}", token=os.urandom(4))
                    sock.sendto(junk, ("127.0.0.1", site.daemon.coap_port))
                    sock.sendto(hello, ("127.0.0.1", site.dtls_port))
                    sent[0] += 2
            if sent[0] % 400 == 0:
                time.sleep(0.005)  # some 20,000 a second: more than a community's line brings
    thread = net.threading.Thread(target=flood, daemon=True)
    thread.start()
    took, attempts = [], 0
    try:
        net.wait_for(lambda: sent[0] >= 40000, what="the flood")
        for n in range(20):
            begin = time.monotonic()
            for request in (lambda: secure(site, f"v1/alarm/sos?id=dtls-{n}", seconds=10),
                            lambda: site.coap(signed("alarm", "sos-101", "sos", f"plain-{n}", n + 1), seconds=10)):
                def answered():  # as a device does: for ever, a new port each time
                    nonlocal attempts
                    attempts += 1
                    return request().code == "2.01"
                net.wait_for(answered, seconds=3 * net.PATIENCE, what="the answer")
            took.append(time.monotonic() - begin)
    finally:
        stop.set()
        thread.join()
    print(f"{sent[0]} forged datagrams in {sum(took):.1f} s while 40 honest presses were answered, with {attempts} attempts;"
          f" the slowest pair took {max(took):.2f} s")
    assert sent[0] > 1000
    assert site.daemon.running()
