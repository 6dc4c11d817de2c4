# SPDX-License-Identifier: Apache-2.0
"""A bad network between the broker and the gateway: real packets, real TCP, no kernel module.

    namespace of the broker   a0 10.99.1.2 ──veth── a1 ┐                ┌ b1 ──veth── b0 10.99.1.3   namespace of the gateway
                              c0 10.99.2.2 ──veth── c1 │ BadLink's queue│
                                                    │  └────────────────┘
                                  clients of the tests, 10.99.2.1: their way is good

Each frame that comes on a1 or b1 waits in a queue for a time of its own, so that frames overtake each other, or is lost,
or goes twice. Only root can do this.
"""

import ctypes
import fcntl
import heapq
import itertools
import os
import random
import select
import socket
import struct
import subprocess
import sys
import threading
import time

import net

BROKER, GATEWAY, OUTSIDE = "10.99.1.2", "10.99.1.3", "10.99.2.2"
PACKET_OUTGOING, ETH_P_ALL = 4, 3
SIOCETHTOOL, OFFLOADS = 0x8946, (0x17, 0x1F, 0x24)  # checksums and segmentation are left to a card that is not there


def available():
    if os.geteuid() != 0:
        return False
    name = f"hy-try-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode != 0:
        return False
    subprocess.run(["ip", "netns", "del", name], check=False)
    return True


def no_offload(device):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for command in OFFLOADS:
            value = ctypes.create_string_buffer(struct.pack("II", command, 0))
            request = struct.pack("16sP16x", device.encode(), ctypes.addressof(value))
            try:
                fcntl.ioctl(s, SIOCETHTOOL, request)
            except OSError:
                pass  # one that cannot be turned off on its own


class BadLink:
    made = itertools.count()

    def __init__(self, seed=5):
        self.rng, self.seed = random.Random(seed), seed
        self.loss = self.double = self.delay = self.jitter = 0.0
        self.broken = False
        self.passed = self.lost = self.overtaken = 0
        self.tag = f"{os.getpid() % 100000}{next(BadLink.made)}"
        self.spaces = [f"hy-broker-{self.tag}", f"hy-gateway-{self.tag}"]
        self.queue, self.count, self.newest, self.ending = [], itertools.count(), [0, 0], False
        self.build()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def build(self):
        def ip(*words):
            subprocess.run(["ip", *words], check=True, capture_output=True)
        a, b, c = self.ends = [f"hy{end}{self.tag}" for end in "abc"]
        for space in self.spaces:
            ip("netns", "add", space)
            ip("-n", space, "link", "set", "lo", "up")
        for outer, inner, space, address in ((a, "a0", 0, BROKER), (b, "b0", 1, GATEWAY), (c, "c0", 0, OUTSIDE)):
            ip("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", self.spaces[space])
            ip("-n", self.spaces[space], "addr", "add", f"{address}/24", "dev", inner)
            ip("-n", self.spaces[space], "link", "set", inner, "up")
            subprocess.run(["ip", "netns", "exec", self.spaces[space], "/usr/bin/python3", __file__, inner], check=True)
            ip("link", "set", outer, "up")
        ip("addr", "add", "10.99.2.1/24", "dev", c)
        self.sockets = []
        for device in (a, b):
            no_offload(device)
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            s.bind((device, 0))
            self.sockets.append(s)

    def run(self):
        while not self.ending:
            now = time.monotonic()
            wait = max(0, min(0.1, self.queue[0][0] - now)) if self.queue else 0.1
            for s in select.select(self.sockets, [], [], wait)[0]:
                frame, origin = s.recvfrom(65536)
                if origin[2] != PACKET_OUTGOING:
                    self.take(frame, 1 - self.sockets.index(s))
            while self.queue and self.queue[0][0] <= time.monotonic():
                _, number, frame, to = heapq.heappop(self.queue)
                self.overtaken += number < self.newest[to]
                self.newest[to] = max(self.newest[to], number)
                try:
                    self.sockets[to].send(frame)
                    self.passed += 1
                except OSError:
                    self.lost += 1

    def take(self, frame, to):
        if self.broken or self.rng.random() < self.loss:
            self.lost += 1
            return
        for _ in range(2 if self.rng.random() < self.double else 1):
            heapq.heappush(self.queue, (time.monotonic() + self.delay + self.rng.uniform(0, self.jitter), next(self.count),
                                        frame, to))

    def inside(self, number, command):
        return ["ip", "netns", "exec", self.spaces[number], *command]

    def close(self):
        self.ending = True
        self.thread.join()
        for s in self.sockets:
            s.close()
        for words in [("link", "del", end) for end in self.ends] + [("netns", "del", space) for space in self.spaces]:
            subprocess.run(["ip", *words], check=False, capture_output=True)


class Broker(net.Broker):
    def __init__(self, link):
        super().__init__()
        self.link, self.host = link, OUTSIDE

    def write_config(self):
        self.config = f"listener {self.port} {BROKER}\n"
        super().write_config()

    def command(self):
        return self.link.inside(0, super().command())


class Daemon(net.Daemon):
    def __init__(self, link, broker, settings=None):
        super().__init__(broker, settings={"MQTT": {"Host": BROKER, "KeepAlive": 5}, **(settings or {})}, coap=False)
        self.link = link

    def command(self):
        return self.link.inside(1, super().command())


if __name__ == "__main__":
    no_offload(sys.argv[1])
