# SPDX-License-Identifier: Apache-2.0
"""The group chat as a channel: what it posts, that a refusal is a failure, that many notices go as few messages, and what a
bad server does to it: nothing that lasts."""

import base64
import hashlib
import hmac
import http.server
import json
import ssl
import subprocess
import threading
import time
import urllib.parse

import pytest

import net
from test_blocking import certificates

WEBHOOK = net.BUILD / "tools" / "huying-webhook" / "huying-webhook"


class Chat(http.server.ThreadingHTTPServer):
    """Answers what `answers` says next, (status, body or errcode, headers), for ever 200 and errcode 0."""

    daemon_threads = True

    def __init__(self, certificate=None):
        super().__init__(("127.0.0.1", 0), Chat.Handler)
        self.posts, self.answers, self.hang = [], [], threading.Event()
        self.scheme = "https" if certificate else "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate / "server.crt", certificate / "server.key")
            self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"{self.scheme}://{'localhost' if self.scheme == 'https' else '127.0.0.1'}:{self.server_port}/hook?key=secret"

    def handle_error(self, *_):
        pass  # a client that ends a transfer or a handshake is what some tests are about

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.server.posts.append((self.path, self.headers, self.rfile.read(int(self.headers["Content-Length"]))))
            status, body, headers = self.server.answers.pop(0) if self.server.answers else (200, 0, {})
            if body == "hang":
                self.server.hang.wait(net.PATIENCE)
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if body == "endless":
                while not self.server.hang.is_set():
                    self.wfile.write(b"x" * 65536)
                return
            self.wfile.write(body if isinstance(body, bytes) else json.dumps({"errcode": body, "errmsg": "x"}).encode())

        do_GET = do_POST

        def log_message(self, *_):
            pass


@pytest.fixture
def chat():
    server = Chat()
    yield server
    server.hang.set()
    server.shutdown()
    server.server_close()


def notice(incident=1, text="SOS 呼救 编号1", priority=1):
    return json.dumps({"incident": incident, "kind": "sos", "priority": priority, "state": "alerting", "seq": 5, "text": text,
                       "phone": "000-0000-0101"}, ensure_ascii=False) + "\n"


def call(kind, where, tmp_path, *notices, limit=6000, more=(), environment=None):
    """(exit status, what it said)"""
    done = subprocess.run([WEBHOOK, kind, where, "--per-minute", str(limit), *more], input="".join(notices or [notice()]),
                          capture_output=True, text=True, timeout=net.PATIENCE, check=False,
                          env={"PATH": "/usr/bin:/bin", "RUNTIME_DIRECTORY": str(tmp_path), **(environment or {})})
    assert "secret" not in done.stderr, "the address is told nobody"
    return done.returncode, done.stderr


@pytest.mark.parametrize("kind", ["wecom", "dingtalk", "ntfy", "generic"])
def test_what_is_posted(kind, chat, tmp_path):
    assert call(kind, chat.url, tmp_path) == (0, "")
    [(path, headers, body)] = chat.posts
    assert path == "/hook?key=secret"
    if kind == "ntfy":
        assert body.decode() == "SOS 呼救 编号1" and headers["Priority"] == "urgent"
        return
    said = json.loads(body)
    assert (said["text"]["content"] if kind != "generic" else said["text"]) == "SOS 呼救 编号1"
    assert b"0101" not in body, "no telephone number in a chat"
    if kind == "generic":
        assert said["notices"] == [{"incident": 1, "kind": "sos", "priority": 1, "state": "alerting", "seq": 5}]


def test_the_secrets_come_from_a_credential(chat, tmp_path):
    (tmp_path / "group").write_text(f"{chat.url}\nSEC000\n")
    where = {"environment": {"CREDENTIALS_DIRECTORY": str(tmp_path)}}
    assert call("dingtalk", "credential:group", tmp_path, **where) == (0, "")
    asked = urllib.parse.parse_qs(urllib.parse.urlsplit(chat.posts[0][0]).query)
    stamp = asked["timestamp"][0]
    assert abs(int(stamp) / 1000 - time.time()) < 3600
    sign = hmac.new(b"SEC000", f"{stamp}\nSEC000".encode(), hashlib.sha256).digest()
    assert asked["sign"] == [base64.b64encode(sign).decode()] and asked["key"] == ["secret"]
    assert call("generic", f"file:{tmp_path}/group", tmp_path) == (0, "")
    assert chat.posts[1][1]["Authorization"] == "Bearer SEC000"
    assert call("wecom", "credential:group", tmp_path)[0] == 2, "no folder of credentials"
    assert call("wecom", "credential:none", tmp_path, **where)[0] == 2


@pytest.mark.parametrize("answer, kind, status, posts", [
    ((200, 45009, {}), "wecom", 1, 1),  # called too often: they say it with 200
    ((200, b"<html>garbage", {}), "dingtalk", 1, 1),
    ((200, b"", {}), "wecom", 1, 1),
    ((200, b"\xff\x00" * 500, {}), "generic", 0, 1),  # its status is all that such a server says
    ((404, 0, {}), "generic", 1, 1),
    ((302, 0, {"Location": "/elsewhere"}), "generic", 1, 1),
    ((500, 0, {}), "generic", 0, 2),  # once more
    ((429, 0, {"Retry-After": "1"}), "ntfy", 0, 2),
    ((429, 0, {"Retry-After": "600"}), "ntfy", 1, 1),  # longer than anybody's patience: the next channel
    ((200, "endless", {}), "generic", 1, 1)])
def test_what_the_server_answers(answer, kind, status, posts, chat, tmp_path):
    chat.answers = [answer]
    code, said = call(kind, chat.url, tmp_path)
    assert (code, len(chat.posts)) == (status, posts), said


def test_a_server_that_fails_twice_has_failed(chat, tmp_path):
    chat.answers = [(503, 0, {}), (503, 0, {})]
    assert call("generic", chat.url, tmp_path) == (1, "huying-webhook: the server says 503\n" * 2)
    assert call("generic", "http://127.0.0.1:9/secret", tmp_path)[0] == 1, "nobody listens"


def test_tls_is_checked(tmp_path):
    certificates(tmp_path)
    server = Chat(tmp_path)
    try:
        code, said = call("generic", server.url, tmp_path)
        assert code == 1 and "certificate" in said, "an authority that nobody knows"
        other = server.url.replace("localhost", "127.0.0.1")
        assert call("generic", other, tmp_path, more=["--ca", str(tmp_path / "ca.crt")])[0] == 1, "another name"
        assert not server.posts
        assert call("generic", server.url, tmp_path, more=["--ca", str(tmp_path / "ca.crt")]) == (0, "")
        assert len(server.posts) == 1
    finally:
        server.shutdown()
        server.server_close()


def test_long_and_many_lines_are_cut_to_what_is_taken(chat, tmp_path):
    assert call("wecom", chat.url, tmp_path, *[notice(n, f"编号{n} " + "长" * 60) for n in range(40)]) == (0, "")
    text = json.loads(chat.posts[0][2])["text"]["content"]
    assert len(text.encode()) <= 2048 and text.startswith("（另有 ") and "编号39" in text and "编号0 " not in text
    assert call("wecom", chat.url, tmp_path, notice(7, "长" * 2000)) == (0, "")
    assert len(json.loads(chat.posts[1][2])["text"]["content"].encode()) <= 2048
    assert call("wecom", chat.url, tmp_path, "no json\n")[0] == 1
    assert call("wecom", chat.url, tmp_path, "[1\n", notice(8)) == (0, ""), "what can be read is sent"


def channel(url, limit, **more):
    return {"Channel group": {"Exec": f"{WEBHOOK} wecom {url} --per-minute {limit}", "Priority": "2", "Batch": "20", **more}}


def test_many_alarms_go_as_few_messages(make_site, chat):
    site = make_site(settings=channel(chat.url, 30))
    bed = site.client()
    for n in range(12):  # strangers share the sixth incident
        bed.publish(site.topic(f"up/stranger-{n}/alarm"), {"id": "e", "kind": "sos"})

    def texts():
        return "".join(json.loads(body)["text"]["content"] for _, _, body in chat.posts)
    net.wait_for(lambda: all(f"编号{n}" in texts() for n in range(1, 7)), what=lambda: f"all in the chat\n{texts()}")
    assert len(chat.posts) <= 4, "within a few seconds, and one message each two"


def test_a_chat_that_hangs_is_told_and_stops_nothing(make_site, chat):
    site = make_site(settings=channel(chat.url, 6000, Timeout="1s"))
    phone, operator, bed = site.worker("w01"), site.worker("o01"), site.device("sos-101")
    chat.answers = [(200, "hang", {})] * 3
    site.press(bed, "sos-101", "e-1")
    assert site.alert(phone, "w01")
    site.alert(operator, "o01", where=lambda a: a["kind"] == "system" and a["cause"] == "channel")
    site.press(bed, "sos-101", "e-2")
    assert site.receipt(bed, "sos-101", "e-2")
