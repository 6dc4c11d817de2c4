# SPDX-License-Identifier: Apache-2.0
"""Many beds at once: every press reaches the worker, and becomes one incident. Nothing here measures time."""

import json
import subprocess
import sys

import net

sys.path.insert(0, str(net.SOURCE / "tools" / "bench"))

import community  # noqa: E402

SIM = net.BUILD / "tools" / "huying-sim" / "huying-sim"


def load(site, *arguments):
    done = subprocess.run([SIM, "load", "--mqtt", f"127.0.0.1:{site.broker.port}", "--workers", "w01,w02",
                           *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=120, check=False)
    return json.loads(done.stdout)


def test_mqtt(make_site, tmp_path):
    site = make_site(registry=community.write(tmp_path / "c", 100))
    got = load(site, "--devices", 100, "--presses", 50, "--limit", 60, "--vitals", 500, "--seconds", 2, "--answer")
    assert got["presses"] == got["alerted"] == got["receipted"] == 60
    assert got["lost"] == got["doubled"] == 0
    assert got["replies_ok"] > 0


def test_coap(make_site, tmp_path):
    site = make_site(registry=community.write(tmp_path / "c", 100))
    got = load(site, "--coap", f"127.0.0.1:{site.daemon.coap_port}", "--devices", 100, "--presses", 50, "--limit", 60,
               "--vitals", 500, "--seconds", 2)
    assert got["presses"] == got["alerted"] == got["receipted"] == 60
    assert got["lost"] == got["doubled"] == 0
    assert got["coap"]["given_up"] == got["coap"]["refused"] == 0
