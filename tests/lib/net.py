# SPDX-License-Identifier: Apache-2.0
"""What integration tests stand on: a real broker, the real daemon, clients that are not ours.

Everything is on loopback, on ports that were free a moment ago, in a folder of its own under /tmp (its name is short,
because a Unix socket's path may have 107 bytes). Only processes that were started here are ended, by their ids.
Nothing here measures time: waits end when what is awaited is there, and fail after a generous while.
"""

import atexit
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import paho.mqtt.client as paho

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("HUYING_BUILD", SOURCE / "build")).resolve()
DEMO = SOURCE / "config" / "demo"

# Long enough for a sanitizer build on a busy machine. A test that passes never waits that long.
PATIENCE = 60.0


def wait_for(predicate, seconds=PATIENCE, what="the condition"):
    """Polls until predicate() is true and returns its value; fails with `what` (a text or a function) after a while."""
    end = time.monotonic() + seconds
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:g} s in vain for {what() if callable(what) else what}")
        time.sleep(0.02)


def free_port():
    """A loopback port that neither TCP nor UDP uses, below the range the kernel hands out itself."""
    for _ in range(200):
        port = random.randrange(20000, 32000)
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, \
                    socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
            return port
        except OSError:
            continue
    raise AssertionError("no free port")


def make_folder():
    return Path(tempfile.mkdtemp(prefix="hy-", dir="/tmp"))


class Process:
    """A program with its standard error (and output) in a file; restartable. None outlives this interpreter."""

    name = "process"
    stdin = subprocess.DEVNULL

    def __init__(self, folder=None):
        self.own_folder = folder is None
        self.folder = Path(folder) if folder else make_folder()
        self.process = None
        self.log = self.folder / f"{self.name}.log"
        atexit.register(self.kill9)

    def command(self):
        raise NotImplementedError

    def environment(self):
        return dict(os.environ)

    def launch(self):
        assert not self.running(), f"{self.name} runs already"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=self.stdin, stdout=log, stderr=log,
                                            env=self.environment(), cwd=self.folder)

    def running(self):
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self):
        return self.process.pid

    def output(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def signal(self, number):
        self.process.send_signal(number)

    def pause(self):
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def kill9(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self, seconds=PATIENCE):
        """SIGTERM; returns the exit status, or None when it was not running."""
        if not self.running():
            return None
        self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise AssertionError(f"{self.name} did not end on SIGTERM:\n{self.output()[-4000:]}") from None

    def start(self):
        self.launch()
        return self

    def restart(self):
        self.stop()
        return self.start()

    def clean(self):
        self.kill9()
        atexit.unregister(self.kill9)
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)


class Broker(Process):
    """A private mosquitto.

    config: more lines for its configuration; {folder} in it becomes the broker's folder. persistence: whether it
    keeps sessions and retained messages over stop() (never over kill9(), as in life). The port stays the same over
    restarts.
    """

    name = "mosquitto"

    def __init__(self, config="", persistence=False, folder=None, anonymous=True):
        super().__init__(folder)
        self.host = "127.0.0.1"
        self.config = config
        self.persistence = persistence
        self.anonymous = anonymous
        self.port = None

    def command(self):
        program = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        assert program, "mosquitto is not installed"
        return [program, "-c", str(self.folder / "mosquitto.conf")]

    def write_config(self):
        lines = [
            "per_listener_settings false",
            f"listener {self.port} {self.host}",
            f"allow_anonymous {'true' if self.anonymous else 'false'}",
            "set_tcp_nodelay true",
            "max_inflight_messages 1000",
            "max_queued_messages 100000",
            "log_type all",
            "connection_messages true",
        ]
        if os.geteuid() == 0:
            lines.append("user root")
        if self.persistence:
            lines += ["persistence true", f"persistence_location {self.folder}/", "autosave_interval 0"]
        else:
            lines.append("persistence false")
        lines.append(self.config.replace("{folder}", str(self.folder)))
        (self.folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    def accepts(self):
        try:
            with socket.create_connection((self.host, self.port), 1):
                return True
        except OSError:
            return False

    def start(self):
        # Somebody else may take the port between our look and the broker's bind: then another one, but only at first.
        for _ in range(20 if self.port is None else 1):
            first = self.port is None
            if first:
                self.port = free_port()
            self.write_config()
            self.launch()
            wait_for(lambda: self.accepts() or not self.running(), what=lambda: f"the broker:\n{self.output()}")
            if self.running():
                return self
            if first:
                self.port = None
        raise AssertionError(f"the broker does not start:\n{self.output()[-4000:]}")


class Daemon(Process):
    """$HUYING_BUILD/daemon/huyingd with a configuration of its own.

    settings: {"Ladder sos": {"Tier2": "1s backup"}, …}, over what is set here. broker None: no MQTT. coap True: CoAP on
    a free port. registry: a folder of CSV files (the demo community by default).
    """

    name = "huyingd"

    def __init__(self, broker=None, settings=None, coap=True, registry=DEMO, site="demo", folder=None,
                 environment=None):
        super().__init__(folder)
        self.site = site
        self.more_environment = environment or {}
        self.coap_port = free_port() if coap else None
        self.settings = {
            "Gateway": {
                "Site": site,
                "StateDirectory": str(self.folder / "state"),
                "RuntimeDirectory": str(self.folder / "run"),
                "Registry": str(registry),
                "DefaultGrid": "g1",
            },
            "MQTT": {"Host": broker.host, "Port": broker.port} if broker else {"Host": ""},
        }
        if coap:
            self.settings["CoAP"] = {"Listen": f"127.0.0.1:{self.coap_port}"}
        for section, values in (settings or {}).items():
            self.settings.setdefault(section, {}).update(values)
        for name in ("state", "run"):
            (self.folder / name).mkdir(mode=0o700, exist_ok=True)
        self.config = self.folder / "huyingd.conf"
        self.notify = None
        self.notified = []

    @property
    def state(self):
        return self.folder / "state"

    @property
    def journal(self):
        return self.state / "journal.db"

    def topic(self, rest):
        return f"huying/{self.site}/{rest}"

    def write_config(self):
        text = ""
        for section, values in self.settings.items():
            text += f"[{section}]\n" + "".join(f"{key}={value}\n" for key, value in values.items()) + "\n"
        self.config.write_text(text)

    def command(self):
        program = BUILD / "daemon" / "huyingd"
        assert program.exists(), f"{program} is not built (HUYING_BUILD names the build folder)"
        return [str(program), "--config", str(self.config)]

    def environment(self):
        env = dict(os.environ)
        env.setdefault("TZ", "Asia/Shanghai")
        env.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=1")
        env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
        env["NOTIFY_SOCKET"] = str(self.folder / "notify")
        env.update(self.more_environment)
        return env

    def start(self, wait=True):
        """Returns when the daemon has said READY=1, as to systemd; wait=False: at once."""
        self.write_config()
        self.close_notify()
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self.notify.bind(str(self.folder / "notify"))
        self.notified = []
        # read all the time, as systemd does: an unread queue would make the daemon wait
        threading.Thread(target=self._listen, args=(self.notify,), daemon=True).start()
        self.launch()
        if wait:
            wait_for(lambda: self.said("READY=1") or not self.running(),
                     what=lambda: f"huyingd to be ready:\n{self.output()[-4000:]}")
            assert self.running(), f"huyingd ended with {self.process.returncode}:\n{self.output()[-4000:]}"
        return self

    def _listen(self, notify):
        notify.settimeout(0.2)
        while self.notify is notify:
            try:
                self.notified += notify.recv(65536).decode(errors="replace").splitlines()
            except TimeoutError:
                continue
            except OSError:
                break
        notify.close()

    def said(self, line):
        """Whether the daemon has told its service manager this line since it started."""
        return line in self.notified

    def close_notify(self):
        self.notify = None
        (self.folder / "notify").unlink(missing_ok=True)

    def reload(self):
        self.write_config()
        self.signal(signal.SIGHUP)

    def ctl(self, *arguments, worker=None, check=True):
        """huyingctl with this daemon's configuration; returns the finished process, its output as text."""
        command = [str(BUILD / "tools" / "huyingctl" / "huyingctl"), "--config", str(self.config)]
        if worker:
            command += ["--as", worker]
        done = subprocess.run(command + [str(a) for a in arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=PATIENCE, env=self.environment(), check=False)
        assert not check or done.returncode == 0, f"{' '.join(done.args)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def check(self):
        """Fails when the log holds what no log may hold: a failed assertion, a sanitizer's finding."""
        text = self.output()
        found = re.search(r"assertion failed|AddressSanitizer|LeakSanitizer|runtime error:", text)
        assert not found, f"huyingd's log:\n{text[max(0, found.start() - 500):found.start() + 4000]}"

    def clean(self):
        self.close_notify()
        super().clean()


class Message:
    def __init__(self, topic, payload, retain, qos):
        self.topic = topic
        self.payload = payload
        self.retain = retain
        self.qos = qos

    @property
    def text(self):
        return self.payload.decode("utf-8")

    @property
    def json(self):
        """The payload as a JSON object; {} when it is none, so that a condition can look into any message."""
        try:
            value = json.loads(self.payload)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def __repr__(self):
        return f"{self.topic}{' (retained)' if self.retain else ''}: {self.payload.decode(errors='replace')[:300]}"


class Client:
    """A device or a worker's app over paho-mqtt, which shares nothing with the library that huyingd uses.

    Subscriptions are made again after a reconnection. Everything received stays in `messages`.
    """

    def __init__(self, broker, client_id="", user=None, password=None, will=None, clean=True):
        options = {"client_id": client_id, "clean_session": clean}
        if hasattr(paho, "CallbackAPIVersion"):  # paho-mqtt 2
            options["callback_api_version"] = paho.CallbackAPIVersion.VERSION1
        self.paho = paho.Client(**options)
        self.lock = threading.Lock()
        self.messages = []
        self.filters = {}
        self.subscribed = set()
        self.connections = 0
        if user:
            self.paho.username_pw_set(user, password)
        if will:
            self.paho.will_set(will[0], will[1], qos=1, retain=True)
        self.paho.reconnect_delay_set(1, 1)
        self.paho.on_connect = self._on_connect
        self.paho.on_subscribe = self._on_subscribe
        self.paho.on_message = self._on_message
        self.paho.connect_async(broker.host, broker.port, keepalive=15)
        self.paho.loop_start()
        wait_for(lambda: self.connections > 0, what="a connection to the broker")

    def _on_connect(self, _client, _userdata, _flags, code):
        if code != 0:
            return
        for topic, qos in list(self.filters.items()):
            self.paho.subscribe(topic, qos)
        self.connections += 1

    def _on_subscribe(self, _client, _userdata, mid, _granted):
        self.subscribed.add(mid)

    def _on_message(self, _client, _userdata, message):
        with self.lock:
            self.messages.append(Message(message.topic, bytes(message.payload), message.retain, message.qos))

    def subscribe(self, topic, qos=1):
        self.filters[topic] = qos
        code, mid = self.paho.subscribe(topic, qos)
        assert code == 0, f"subscribe: {paho.error_string(code)}"
        wait_for(lambda: mid in self.subscribed, what=f"the subscription to {topic}")
        return self

    def publish(self, topic, payload=b"", qos=1, retain=False, wait=True):
        """A dict or list goes as JSON. Returns when the broker has it (QoS 1), unless wait=False."""
        if isinstance(payload, (dict, list)):
            payload = json.dumps(payload, ensure_ascii=False).encode()
        info = self.paho.publish(topic, payload, qos, retain)
        if wait and qos > 0:
            wait_for(info.is_published, what=f"the broker to take a message to {topic}")
        return info

    def received(self, topic="#", where=None, since=0):
        """What has come so far on this topic filter, of those messages for which where(message) holds."""
        with self.lock:
            messages = self.messages[since:]
        return [m for m in messages
                if paho.topic_matches_sub(topic, m.topic) and (where is None or where(m))]

    def mark(self):
        """A number for `since`: only what comes after now."""
        with self.lock:
            return len(self.messages)

    def wait(self, topic="#", where=None, since=0, seconds=PATIENCE):
        """The first message on this topic filter for which where(message) holds, received or still to come."""
        def what():
            return f"a message on {topic}; so far:\n" + "\n".join(map(repr, self.received(since=since)[-20:]))
        return wait_for(lambda: self.received(topic, where, since), seconds, what)[0]

    def latest(self, topic):
        """The newest message on a topic (filter), or None."""
        messages = self.received(topic)
        return messages[-1] if messages else None

    def drop(self):
        """Breaks the connection without a DISCONNECT, as a lost radio link does: the will is published."""
        sock = self.paho.socket()
        if sock is not None:
            sock.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.paho.disconnect()
        self.paho.loop_stop()


class CoapAnswer:
    def __init__(self, code, kind, location, payload, text):
        self.code = code          # "2.01", or None when there was no answer
        self.kind = kind          # "ACK", "CON", "NON", "RST"
        self.location = location  # "a/1042" or ""
        self.payload = payload
        self.text = text          # everything that the client said

    @property
    def json(self):
        return json.loads(self.payload)

    def __repr__(self):
        return f"CoAP {self.code} {self.location} {self.payload!r}\n{self.text}"


def coap(uri, method="post", payload=None, content_format=None, psk=None, seconds=30, options=()):
    """One request of libcoap's own client; answers CoapAnswer. psk: (identity, key) for coaps."""
    program = shutil.which("coap-client-notls" if psk is None else "coap-client-gnutls")
    assert program, "libcoap3-bin is not installed"
    with tempfile.TemporaryDirectory(prefix="hy-") as folder:
        body = Path(folder) / "body"
        command = [program, "-m", method, "-v", "6", "-B", str(seconds), "-o", str(body), *options]
        if psk is not None:
            command += ["-u", psk[0], "-k", psk[1]]
        if payload is not None:
            if isinstance(payload, (dict, list)):
                payload = json.dumps(payload, ensure_ascii=False)
                content_format = 50 if content_format is None else content_format
            data = payload.encode() if isinstance(payload, str) else payload
            (Path(folder) / "request").write_bytes(data)
            command += ["-f", str(Path(folder) / "request")]
        if content_format is not None:
            command += ["-t", str(content_format)]
        done = subprocess.run(command + [uri], stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds + 30,
                              check=False)
        text = (done.stdout + done.stderr).decode(errors="replace")
        answer = b""
        if body.exists():
            answer = body.read_bytes()
    # the last response that is more than an empty acknowledgement
    pdus = re.findall(r"^v:1 t:(ACK|CON|NON|RST) c:([245]\.\d\d) [^\[]*\[ ?(.*?) ?\](?: ::(.*))?$", text, re.M)
    if not pdus:
        return CoapAnswer(None, None, "", answer, text)
    kind, code, header, shown = pdus[-1]
    location = "/".join(re.findall(r"Location-Path:([^,\s]+)", header))
    if not answer and shown:
        quoted = re.search(r"'(.*)'", shown)
        answer = quoted.group(1).encode() if quoted else b""
    return CoapAnswer(code, kind, location, answer, text)


NODE_MODULES = Path(os.environ.get("HUYING_NODE", BUILD / "node")) / "node_modules"


class NodeCoap(Process):
    """node-coap, a CoAP client that shares nothing with libcoap: one request, or an observation that goes on.

    `answers` is what has come so far: dicts with code, location (a list), payload.
    """

    name = "node-coap"
    stdin = subprocess.PIPE  # its end ends an observation

    def __init__(self, method, uri, payload=None):
        super().__init__()
        self.arguments = [method, uri] + ([payload] if payload is not None else [])
        self.launch()

    @staticmethod
    def available():
        return shutil.which("node") is not None and (NODE_MODULES / "coap").is_dir()

    def command(self):
        return ["node", str(SOURCE / "tests" / "lib" / "node-coap.js"), *self.arguments]

    def environment(self):
        return dict(os.environ, NODE_PATH=str(NODE_MODULES))

    @property
    def answers(self):
        return [json.loads(line) for line in self.output().splitlines() if line.startswith("{") and line.endswith("}")]

    def wait(self, where=lambda answer: True):
        return wait_for(lambda: [a for a in self.answers if where(a)],
                        what=lambda: f"an answer to {self.arguments}; so far:\n{self.output()}")[0]


class Site:
    """A broker, a daemon on it, and shorthand for the topics of the wire contract."""

    def __init__(self, broker, daemon):
        self.broker = broker
        self.daemon = daemon
        self.clients = []

    def client(self, name="", **options):
        client = Client(self.broker, client_id=name, **options)
        self.clients.append(client)
        return client

    def topic(self, rest):
        return self.daemon.topic(rest)

    def device(self, code):
        """A device that listens for its receipts and its lamp."""
        client = self.client(code)
        client.subscribe(self.topic(f"down/{code}/#"))
        return client

    def worker(self, code, online=True):
        """A worker's app: alerts and replies, with its presence and will. It answers nothing by itself."""
        presence = self.topic(f"worker/{code}/presence")
        client = self.client(code, will=(presence, "offline"))
        for rest in ("alert/+", "reply", "do/reply", "text", "count"):
            client.subscribe(self.topic(f"worker/{code}/{rest}"))
        if online:
            client.publish(presence, "online", retain=True)
        return client

    def press(self, client, device, event, kind="sos", **members):
        client.publish(self.topic(f"up/{device}/alarm"), {"id": event, "kind": kind, **members})

    def receipt(self, client, device, event, since=0):
        """Waits for the receipt of an event and returns it as a dict."""
        return client.wait(self.topic(f"down/{device}/receipt"), lambda m: m.json.get("id") == event, since).json

    def alert(self, client, worker, incident=None, where=None, since=0):
        """Waits for an alert to a worker and returns it as a dict."""
        def wanted(m):
            return m.json and (incident is None or m.json.get("incident") == incident) and \
                (where is None or where(m.json))
        return client.wait(self.topic(f"worker/{worker}/alert/+"), wanted, since).json

    def act(self, client, worker, incident, action, nonce=None, since=None, **members):
        """Sends an action and returns the reply as a dict."""
        nonce = nonce or f"n{random.getrandbits(48):x}"
        since = client.mark() if since is None else since
        client.publish(self.topic(f"worker/{worker}/act"),
                       {"incident": incident, "action": action, "nonce": nonce, **members})
        return client.wait(self.topic(f"worker/{worker}/reply"), lambda m: m.json.get("nonce") == nonce, since).json

    def coap(self, path, **options):
        return coap(f"coap://127.0.0.1:{self.daemon.coap_port}/{path}", **options)

    def wait_online(self):
        """Until the daemon holds its broker connections: its retained status says so."""
        client = self.client()
        client.subscribe(self.topic("status"))
        client.wait(self.topic("status"), lambda m: m.payload == b"online")

    def close(self):
        for client in self.clients:
            client.close()
        self.clients = []


class ShippedBroker(Broker):
    """A broker with the files of config/mosquitto, as an installation has them, but for paths and ports."""

    def __init__(self, **options):
        super().__init__(anonymous=False, **options)
        self.passwords = {}
        self.accounts.touch(mode=0o600)
        for name in "huying-demo-alarm", "huying-demo-vitals", "huying-demo-out":
            subprocess.run(["mosquitto_passwd", "-b", str(self.accounts), name, "of-the-gateway"], check=True,
                           capture_output=True)
        (self.folder / "gateway-password").write_text("of-the-gateway\n")
        shutil.copy(SOURCE / "config" / "mosquitto" / "acl", self.folder / "acl")

    @property
    def accounts(self):
        return self.folder / "passwd"

    def enroll(self, kind, code):
        """A credential from huyingctl; the broker hears of it at the next reload()."""
        done = subprocess.run([str(BUILD / "tools" / "huyingctl" / "huyingctl"), "--config", os.devnull, "--accounts",
                               str(self.accounts), "--json", "enroll", kind, code],
                              capture_output=True, text=True, check=True)
        self.passwords[code] = json.loads(done.stdout)["password"]
        return self.passwords[code]

    def write_config(self):
        text = (SOURCE / "config" / "mosquitto" / "mosquitto.conf").read_text()
        text = text.replace("listener 1883 127.0.0.1", f"listener {self.port} {self.host}")
        text = re.sub(r"^listener 9001 .*\nprotocol websockets\nuse_username_as_clientid true\n", "", text, flags=re.M)
        for place in "/etc/mosquitto/", "/var/lib/mosquitto/", "/run/mosquitto/":
            text = text.replace(place, f"{self.folder}/")
        if os.geteuid() == 0:
            text += "user root\n"
        (self.folder / "mosquitto.conf").write_text(text + "log_type all\n")

    def reload(self):
        self.signal(signal.SIGHUP)

    def client(self, code, client_id=None):
        return Client(self, client_id=client_id or code, user=code, password=self.passwords[code])

    def knock(self, client_id="", user=None, password=None, clean=True):
        """The broker's answer to a CONNECT: 0 welcome, 4 or 5 refused."""
        options = {"client_id": client_id, "clean_session": clean}
        if hasattr(paho, "CallbackAPIVersion"):
            options["callback_api_version"] = paho.CallbackAPIVersion.VERSION1
        client = paho.Client(**options)
        if user:
            client.username_pw_set(user, password)
        codes = []
        client.on_connect = lambda _client, _userdata, _flags, code: codes.append(code)
        client.connect_async(self.host, self.port)
        client.loop_start()
        try:
            return wait_for(lambda: [str(c) for c in codes], what="an answer to CONNECT")[0]
        finally:
            client.disconnect()
            client.loop_stop()
