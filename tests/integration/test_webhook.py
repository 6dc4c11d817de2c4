# SPDX-License-Identifier: Apache-2.0
"""The group chat as a channel: what it posts, that a refusal is a failure, and that many notices go as few messages."""

import http.server
import json
import subprocess
import threading

import pytest

import net

WEBHOOK = net.SOURCE / "config" / "channels" / "webhook"


class Chat(http.server.ThreadingHTTPServer):
    """Answers what `answers` says next, for ever 200 and errcode 0."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Chat.Handler)
        self.posts, self.answers = [], []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/hook?key=secret"

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.server.posts.append((self.headers, self.rfile.read(int(self.headers["Content-Length"]))))
            status, code = self.server.answers.pop(0) if self.server.answers else (200, 0)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps({"errcode": code, "errmsg": "x"}).encode())

        def log_message(self, *_):
            pass


@pytest.fixture
def chat():
    server = Chat()
    yield server
    server.shutdown()
    server.server_close()


def call(kind, chat, tmp_path, text="SOS 呼救 编号1", limit="6000", wait=True):
    notice = json.dumps({"incident": 1, "kind": "sos", "priority": 1, "state": "alerting", "seq": 5, "text": text,
                         "phone": "000-0000-0101"})
    process = subprocess.Popen([WEBHOOK, kind, chat.url, limit], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env={"PATH": "/usr/bin:/bin", "RUNTIME_DIRECTORY": str(tmp_path)})
    process.stdin.write(notice)
    process.stdin.close()
    return process.wait(net.PATIENCE) if wait else process


@pytest.mark.parametrize("kind", ["wecom", "dingtalk", "ntfy", "generic"])
def test_what_is_posted(kind, chat, tmp_path):
    assert call(kind, chat, tmp_path) == 0
    [(headers, body)] = chat.posts
    if kind == "ntfy":
        assert body.decode() == "SOS 呼救 编号1" and headers["Priority"] == "urgent"
        return
    said = json.loads(body)
    assert (said["text"]["content"] if kind != "generic" else said["text"]) == "SOS 呼救 编号1"
    assert b"0101" not in body, "no telephone number in a chat"


def test_a_refusal_is_a_failure(chat, tmp_path):
    chat.answers = [(200, 45009), (500, 0)]  # WeCom: called too often
    assert call("wecom", chat, tmp_path) == 1
    assert call("generic", chat, tmp_path) == 1
    assert call("wecom", chat, tmp_path) == 0


def test_many_notices_go_as_few_messages(chat, tmp_path):
    running = [call("wecom", chat, tmp_path, f"编号{n}", "30", wait=False) for n in range(12)]
    assert [p.wait(net.PATIENCE) for p in running] == [0] * 12
    assert len(chat.posts) <= 4, "all within a few seconds, and only one message each two"
    text = "".join(json.loads(body)["text"]["content"] for _, body in chat.posts)
    assert all(f"编号{n}" in text for n in range(12))


def test_as_a_channel_of_the_gateway(make_site, chat, tmp_path):
    site = make_site(settings={"Channel group": {"Exec": f"{WEBHOOK} wecom {chat.url} 6000", "Priority": "2"}})
    bed = site.device("sos-101")
    site.press(bed, "sos-101", "e-1")
    incident = site.receipt(bed, "sos-101", "e-1")["incident"]
    net.wait_for(lambda: any(f"编号{incident}" in json.loads(body)["text"]["content"] for _, body in chat.posts),
                 what=lambda: f"the call in the chat\n{chat.posts}")
