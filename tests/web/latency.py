#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From the press to the screen: how long it takes on this machine, broker, disk and browser included.

    HUYING_BUILD=build HUYING_NODE=build/node tests/web/latency.py [PRESSES]

Each press is published by a device and awaited as pixels' cause: the frame after the app has drawn it. Prints
percentiles; proves nothing by itself, because other machines are other machines.
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import net  # noqa: E402
import web  # noqa: E402

DRAWN = """() => { window.drawn = {}; const frame = () => { const a = Huying.app.list()[0];
  if (a && a.event && !window.drawn[a.event]) { const seen = document.querySelector('.card');
    if (seen) { const event = a.event; requestAnimationFrame(() => { window.drawn[event] = window.drawn[event] || Date.now(); }); } }
  requestAnimationFrame(frame); }; frame(); }"""


def main():
    presses = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    ws, http = net.free_port(), net.free_port()
    broker = net.Broker(config=f"listener {ws} 127.0.0.1\nprotocol websockets").start()
    folder = web.bundle(Path(tempfile.mkdtemp(prefix="hy-")) / "app")
    daemon = net.Daemon(broker, settings={"HTTP": {"Listen": f"127.0.0.1:{http}", "App": str(folder),
                                                   "Broker": f"ws://127.0.0.1:{ws}/mqtt"}}).start()
    site = net.Site(broker, daemon)
    site.wait_online()
    browser = web.Browser()
    page = web.Page(browser, "w01", f"http://127.0.0.1:{http}/#u=w01")
    page.press("开始值班")
    page.see("线路通了")
    page.press("听到了")
    page.js(DRAWN)
    bed = site.device("sos-101")
    took = []
    for n in range(presses):
        sent = time.time()
        site.press(bed, "sos-101", f"e-{n}")
        page.until(f"() => window.drawn['e-{n}']")
        took.append(page.js(f"() => window.drawn['e-{n}']") - sent * 1000)
        time.sleep(0.03)
    took.sort()
    print(f"{presses} presses, chromium {browser.version}: " +
          ", ".join(f"p{p} {took[min(len(took) - 1, len(took) * p // 100)]:.0f} ms" for p in (50, 90, 99)) + f", max {took[-1]:.0f} ms")
    browser.close()
    site.close()
    daemon.stop()
    daemon.clean()
    broker.clean()


if __name__ == "__main__":
    main()
