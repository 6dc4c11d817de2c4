# SPDX-License-Identifier: Apache-2.0
"""Devices with a certificate each, by the site's own authority and the shipped broker configuration: the name in the
certificate is the device, another authority's is nobody, and a revoked one is out. And what the QR code says."""

import json
import os
import re
import shutil
import socket
import ssl
import subprocess

import pytest

import net


class Broker(net.ShippedBroker):
    """With the listener for certificates (3) on a free port."""

    def __init__(self, certs, **options):
        super().__init__(**options)
        self.certs, self.tls_port = certs, net.free_port()

    def write_config(self):
        super().write_config()
        path = self.folder / "mosquitto.conf"
        text = re.sub(r"(?ms)^# 4\..*?(?=^user root|^log_type all)", "", path.read_text())
        text = re.sub(r"(?m)^#([a-z])", r"\1", text).replace("listener 8883", f"listener {self.tls_port} 127.0.0.1")
        path.write_text(text.replace(f"{self.folder}/certs", str(self.certs)))


@pytest.fixture
def place(tmp_path):
    """(ctl, certs): huyingctl with an authority of its own in tmp_path/ca."""
    certs = tmp_path / "certs"
    subprocess.run([net.SOURCE / "tools" / "authority", tmp_path / "ca", certs, "localhost", "127.0.0.1"], check=True)

    def ctl(*words, check=True):
        command = [net.BUILD / "tools" / "huyingctl" / "huyingctl", "--config", os.devnull, "--authority", tmp_path / "ca",
                   "--crl", certs / "ca.crl", "--accounts", tmp_path / "passwd", "--output", tmp_path, *words]
        return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=check)
    return ctl, certs


def knock(port, ca, certificate, key, client_id):
    """The broker's answer to CONNECT: 0 welcome, 4 or 5 refused; "tls": not even that."""
    context = ssl.create_default_context(cafile=str(ca))
    context.load_cert_chain(str(certificate), str(key))
    name = client_id.encode()
    connect = b"\x00\x04MQTT\x04\x02\x00\x3c" + len(name).to_bytes(2, "big") + name
    try:
        with socket.create_connection(("localhost", port), net.PATIENCE) as plain, \
                context.wrap_socket(plain, server_hostname="localhost") as tls:
            tls.sendall(b"\x10" + bytes([len(connect)]) + connect)
            answer = tls.recv(4)  # with TLS 1.3 it is here that a certificate is refused
            return answer[3] if len(answer) == 4 else "tls"
    except (ssl.SSLError, ConnectionError):
        return "tls"


def test_the_certificate_is_the_device(place, tmp_path):
    ctl, certs = place
    issued = json.loads(ctl("--json", "enroll", "device", "sos-101", "--cert").stdout)
    assert issued["certificate"] == f"{tmp_path}/sos-101.crt" and issued["link"].startswith("mqtts://")
    assert os.stat(tmp_path / "sos-101.key").st_mode & 0o777 == 0o600
    assert "OK" in subprocess.run(["openssl", "verify", "-purpose", "sslclient", "-crl_check", "-CAfile", certs / "ca.crt",
                                   "-CRLfile", certs / "ca.crl", tmp_path / "sos-101.crt"], capture_output=True, text=True,
                                  check=True).stdout
    subprocess.run([net.SOURCE / "tools" / "authority", tmp_path / "other", tmp_path / "othercerts", "localhost"], check=True)
    subprocess.run([net.BUILD / "tools" / "huyingctl" / "huyingctl", "--config", os.devnull, "--authority", tmp_path / "other",
                    "--crl", tmp_path / "othercerts" / "ca.crl", "--accounts", tmp_path / "passwd", "--output",
                    tmp_path / "othercerts", "enroll", "device", "sos-101", "--cert"], check=True, capture_output=True)
    broker = Broker(certs).start()
    try:
        def at_the_door(folder, code, client_id=None):
            return knock(broker.tls_port, certs / "ca.crt", folder / f"{code}.crt", folder / f"{code}.key", client_id or code)
        assert at_the_door(tmp_path, "sos-101") == 0
        assert at_the_door(tmp_path / "othercerts", "sos-101") == "tls", "another authority"
        # once more: the first one is void
        old = tmp_path / "old"
        old.mkdir()
        for end in "crt", "key":
            shutil.copy(tmp_path / f"sos-101.{end}", old)
        ctl("enroll", "device", "sos-101", "--cert")
        ctl("enroll", "device", "sos-102", "--cert")
        broker.restart()
        assert at_the_door(tmp_path, "sos-101") == 0
        assert at_the_door(old, "sos-101") == "tls"
        # revoked
        assert "restart mosquitto" in ctl("revoke", "sos-101").stdout
        broker.restart()
        assert at_the_door(tmp_path, "sos-101") == "tls"
        assert at_the_door(tmp_path, "sos-102") == 0, "nobody else"
        assert ctl("revoke", "sos-101", check=False).returncode == 1, "there is nothing left to revoke"
    finally:
        broker.clean()


def test_a_worker_gets_no_certificate(place):
    ctl, _ = place
    assert ctl("enroll", "worker", "w01", "--cert", check=False).returncode == 2


def test_the_authority_keeps_what_is_there(place, tmp_path):
    _, certs = place

    def again(*names):
        subprocess.run([net.SOURCE / "tools" / "authority", tmp_path / "ca", certs, *names], check=True)
        return (tmp_path / "ca" / "ca.key").read_text(), (certs / "server.crt").read_text()
    before = again("localhost", "127.0.0.1")
    assert again("localhost") == before
    after = again("localhost", "gw.example")
    assert after[0] == before[0] and after[1] != before[1], "another name, another certificate"


@pytest.mark.skipif(not shutil.which("qrencode") or not shutil.which("zbarimg"), reason="needs qrencode and zbarimg (zbar-tools)")
def test_the_qr_code_says_the_link(place, tmp_path):
    """What is printed, read back: each character of the terminal is two modules, one above the other."""
    ctl, _ = place
    for words in ("enroll", "worker", "w01"), ("enroll", "device", "sos-101"), ("enroll", "device", "sos-101", "--cert"):
        out = ctl(*words).stdout
        link = re.search(r"link +(\S+)", out)[1]
        rows = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in out.splitlines() if re.search("[█▀▄]", line)]
        scale, width, pixels = 6, max(map(len, rows)) + 8, []
        for row in ["█" * width] * 2 + ["████" + row for row in rows] + ["█" * width] * 2:  # a border: nothing else is near
            for upper in True, False:
                line = "".join("1" if (c in "█▀" if upper else c in "█▄") else "0" for c in row.ljust(width, "█"))
                pixels += ["".join(("1" if bit == "0" else "0") * scale for bit in line)] * scale  # PBM: 1 is black
        image = tmp_path / "qr.pbm"
        image.write_text(f"P1\n{width * scale} {len(pixels)}\n" + "\n".join(pixels) + "\n")
        read = subprocess.run(["zbarimg", "-q", "--raw", image], capture_output=True, text=True, check=False)
        assert read.stdout.strip() == link, (read.stdout, read.stderr)
