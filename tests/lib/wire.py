# SPDX-License-Identifier: Apache-2.0
"""A wire tap: a TCP proxy before the broker that writes down which MQTT packets each client sends and receives.

It decodes the fixed header (MQTT 3.1.1, section 2.2), the client id of CONNECT, and the topic of PUBLISH; nothing of
huyingd or of its library takes part, so what it has not seen has not left the process.
"""

import socket
import threading

NAMES = {1: "CONNECT", 2: "CONNACK", 3: "PUBLISH", 4: "PUBACK", 8: "SUBSCRIBE", 9: "SUBACK", 10: "UNSUBSCRIBE",
         11: "UNSUBACK", 12: "PINGREQ", 13: "PINGRESP", 14: "DISCONNECT"}


class Packet:
    def __init__(self, client, sent, name, topic, payload):
        self.client = client    # client id
        self.sent = sent        # True: by the client, False: to the client
        self.name = name
        self.topic = topic      # of PUBLISH
        self.payload = payload  # of PUBLISH

    def __repr__(self):
        return f"{self.client} {'sends' if self.sent else 'gets'} {self.name} {self.topic or ''} {self.payload[:120]!r}"


class Wire:
    """Looks like a Broker to net.Daemon: has host and port."""

    def __init__(self, broker):
        self.host = "127.0.0.1"
        self.broker = broker
        self.lock = threading.Lock()
        self.packets = []
        self.sockets = []
        self.listener = socket.create_server((self.host, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def seen(self, client="", name="", topic="", sent=True, since=0):
        """Packets so far whose client id ends with `client`, of this name, whose topic contains `topic`."""
        with self.lock:
            packets = self.packets[since:]
        return [p for p in packets if p.sent == sent and p.client.endswith(client) and (not name or p.name == name) and
                topic in (p.topic or "")]

    def mark(self):
        with self.lock:
            return len(self.packets)

    def close(self):
        self.listener.close()
        for sock in self.sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self):
        while True:
            try:
                inner, _ = self.listener.accept()
                outer = socket.create_connection((self.broker.host, self.broker.port))
            except OSError:
                return
            for sock in (inner, outer):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sockets += [inner, outer]
            who = [""]
            threading.Thread(target=self._pump, args=(inner, outer, who, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(outer, inner, who, False), daemon=True).start()

    def _pump(self, source, sink, who, sent):
        held = b""
        try:
            while data := source.recv(65536):
                held = self._decode(held + data, who, sent)
                sink.sendall(data)
        except OSError:
            pass
        for sock in (source, sink):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _decode(self, data, who, sent):
        while len(data) >= 2:
            length, shift, at = 0, 0, 1
            while True:
                if at >= len(data):
                    return data
                byte = data[at]
                length |= (byte & 127) << shift
                shift += 7
                at += 1
                if byte < 128:
                    break
            if len(data) < at + length:
                return data
            self._note(data[0], data[at:at + length], who, sent)
            data = data[at + length:]
        return data

    def _note(self, first, body, who, sent):
        name = NAMES.get(first >> 4, str(first >> 4))
        topic, payload = None, b""
        if name == "CONNECT":
            n = int.from_bytes(body[10:12], "big")
            who[0] = body[12:12 + n].decode(errors="replace")
        elif name == "PUBLISH":
            n = int.from_bytes(body[:2], "big")
            topic = body[2:2 + n].decode(errors="replace")
            payload = body[2 + n + (2 if first & 6 else 0):]
        with self.lock:
            self.packets.append(Packet(who[0], sent, name, topic, payload))
