# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium for integration tests, and a network that can be cut.

Needs node with playwright-core, axe-core and mqtt in $HUYING_NODE (tools/test gets them), and Debian's chromium.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import net

NODE = Path(os.environ.get("HUYING_NODE", net.BUILD / "node")).resolve()
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
SCREENS = net.BUILD / "screens"


def missing():
    """What is not there, or ""."""
    if not shutil.which("node"):
        return "node"
    for package in ("playwright-core", "axe-core", "mqtt"):
        if not (NODE / "node_modules" / package).is_dir():
            return f"{package} from npm in {NODE}"
    return "" if Path(CHROMIUM).exists() else "chromium"


def bundle(folder):
    """The app as it is served, and beside the folder the same as one file."""
    subprocess.run([sys.executable, str(net.SOURCE / "tools/worker-app/bundle.py"), str(folder), "--node", str(NODE),
                    "--single", str(folder) + ".html"], check=True)
    return folder


class Cut:
    """A TCP proxy before the broker: the network of one phone. Has host and port, as a broker has."""

    def __init__(self, port):
        self.host = "127.0.0.1"
        self.target = port
        self.up = True
        self.lock = threading.Lock()
        self.sockets = []
        self.listener = socket.create_server((self.host, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        with self.lock:
            self.up = False
            sockets, self.sockets = self.sockets, []
        for sock in sockets:
            self._end(sock)

    def restore(self):
        self.up = True

    def close(self):
        self.listener.close()
        self.cut()

    @staticmethod
    def _end(sock):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _accept(self):
        while True:
            try:
                inner, _ = self.listener.accept()
            except OSError:
                return
            if not self.up:
                inner.close()
                continue
            try:
                outer = socket.create_connection((self.host, self.target))
            except OSError:
                inner.close()
                continue
            with self.lock:
                self.sockets += [inner, outer]
            for a, b in ((inner, outer), (outer, inner)):
                a.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pump, args=(a, b), daemon=True).start()

    def _pump(self, source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        self._end(source)
        self._end(sink)


class Browser:
    def __init__(self):
        env = dict(os.environ, HUYING_NODE=str(NODE), CHROMIUM=CHROMIUM)
        self.process = subprocess.Popen(["node", str(net.SOURCE / "tests/web/driver.mjs")], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, env=env)
        self.number = 0
        self.version = self.call("launch")

    def call(self, op, **arguments):
        self.number += 1
        self.process.stdin.write(json.dumps({"id": self.number, "op": op, **arguments}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the browser's driver has ended"
        answer = json.loads(line)
        assert answer["id"] == self.number
        if "error" in answer:
            raise AssertionError(f"{op} {arguments}: {answer['error']}")
        return answer["result"]

    def close(self):
        try:
            self.call("quit")
        finally:
            self.process.kill()
            self.process.wait()


class Page:
    """One person's phone."""

    def __init__(self, browser, name, url, **options):
        self.browser = browser
        self.name = name
        self.cut_allowed = False
        browser.call("open", name=name, url=url, **options)

    def __getattr__(self, op):
        return lambda **arguments: self.browser.call(op, name=self.name, **arguments)

    def press(self, text):
        self.browser.call("click", name=self.name, text=text)

    def see(self, text, selector="body"):
        """Waits until this text is shown."""
        js = f"() => {{ const e = document.querySelector({json.dumps(selector)}); return e && e.innerText.includes({json.dumps(text)}); }}"
        try:
            self.browser.call("wait", name=self.name, js=js)
        except AssertionError as error:
            raise AssertionError(f"{self.name} does not show {text!r} but:\n{self.browser.call('text', name=self.name)}") from error

    def see_not(self, text, selector="body"):
        js = f"() => {{ const e = document.querySelector({json.dumps(selector)}); return !e || !e.innerText.includes({json.dumps(text)}); }}"
        try:
            self.browser.call("wait", name=self.name, js=js)
        except AssertionError as error:
            raise AssertionError(f"{self.name} still shows {text!r}:\n{self.browser.call('text', name=self.name)}") from error

    def until(self, js):
        self.browser.call("wait", name=self.name, js=js)

    def js(self, js):
        return self.browser.call("evaluate", name=self.name, js=js)

    def shot(self, file, full=False):
        SCREENS.mkdir(parents=True, exist_ok=True)
        self.browser.call("screenshot", name=self.name, path=str(SCREENS / f"{file}.png"), full=full)

    def problems(self):
        """What the browser complained about; lost sockets are no complaint where the network was cut."""
        return [e for e in self.browser.call("errors", name=self.name)
                if not (self.cut_allowed and ("WebSocket" in e or "ERR_INTERNET_DISCONNECTED" in e or "ERR_CONNECTION_REFUSED" in e))]
