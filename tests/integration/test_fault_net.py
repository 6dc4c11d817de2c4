# SPDX-License-Identifier: Apache-2.0
"""The network between the broker and the gateway: packets that are lost, late, overtaken, doubled, or none at all. What a
device's network does to it is the device's to repeat; here its presses are safe at the broker, and the gateway has to get
them, and to say so when it cannot."""

import json

import pytest

import badlink
import net
from net import wait_for
from test_fault import Button, account


@pytest.fixture
def bad(tmp_path):
    """(link, site): a siren writes what it is called with into tmp_path/siren."""
    if not badlink.available():
        pytest.skip("no network namespaces (root)")
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ncat >>{tmp_path}/siren\n")
    program.chmod(0o755)
    link = badlink.BadLink()
    broker = badlink.Broker(link)
    daemon = None
    try:
        broker.start()
        daemon = badlink.Daemon(link, broker, settings={"Channel siren": {"Exec": str(program), "Priority": "2"}})
        site = net.Site(broker, daemon)
        daemon.start()
        site.wait_online()
        yield link, site
        site.close()
        assert daemon.stop() == 0
        daemon.check()
    finally:
        if daemon:
            daemon.clean()
        broker.clean()
        link.close()


def test_packets_are_lost_late_overtaken_and_doubled(bad):
    link, site = bad
    phone, button = site.worker("w01"), Button(site)
    link.loss, link.double, link.delay, link.jitter = 0.15, 0.05, 0.02, 0.15
    for n in range(12):
        assert button.press(f"e-{n}")
    assert site.alert(phone, "w01")
    assert link.lost > 10 and link.overtaken > 10
    account(site, "network to the broker: 15 % lost, 5 % doubled, 20 to 170 ms late, overtaking",
            f"namespaces, a queue of frames: {link.lost} lost, {link.overtaken} overtaken", button, "w01 at once")


def test_the_broker_is_cut_off(bad, tmp_path):
    link, site = bad
    phone, button = site.worker("w01"), Button(site)
    assert button.press("before")
    mark = phone.mark()
    link.broken = True
    button.sent.append("during")
    site.press(button.client, "sos-101", "during")  # the broker has it
    siren = tmp_path / "siren"

    def told():
        return siren.exists() and any(json.loads(line).get("cause") == "broker" for line in siren.read_text().splitlines())
    wait_for(told, what="the siren: no broker")
    assert not button.has("during")
    link.broken = False
    receipt = wait_for(lambda: button.has("during"), what="the receipt")
    button.receipts["during"] = receipt
    assert site.alert(phone, "w01", receipt["incident"], since=mark)
    button.press("after")
    account(site, "network to the broker: nothing passes, then all", f"namespaces: {link.lost} frames lost", button,
            "siren: broker; w01 when it is back")
