#!/usr/bin/python3
"""delay MILLISECONDS: hold every packet of netfilter's queue 7 for that long, then let it go.

In the place of netem, which small kernels are built without. Speaks the protocol of nfnetlink_queue itself;
the messages are those of linux/netfilter/nfnetlink_queue.h.
"""

import collections
import select
import socket
import struct
import sys
import time

QUEUE = 7
NETLINK_NETFILTER = 12
PACKET, VERDICT, CONFIG = 0x300, 0x301, 0x302
REQUEST = 1
CFG_CMD, CFG_PARAMS, CFG_MAXLEN = 1, 2, 3
PACKET_HDR, VERDICT_HDR = 1, 2
BIND, COPY_META, ACCEPT = 1, 1, 1


def message(kind: int, attribute: int, body: bytes) -> bytes:
    padded = struct.pack("=HH", 4 + len(body), attribute) + body + b"\0" * (-len(body) % 4)
    return struct.pack("=IHHIIBBH", 20 + len(padded), kind, REQUEST, 0, 0, 0, 0, socket.htons(QUEUE)) + padded


def packet_ids(data: bytes):
    while len(data) >= 20:
        length, kind = struct.unpack_from("=IH", data)
        place = 20
        while kind == PACKET and place + 4 <= length:
            size, attribute = struct.unpack_from("=HH", data, place)
            if attribute & 0x3FFF == PACKET_HDR:
                yield struct.unpack_from(">I", data, place + 4)[0]
            place += (size + 3) & ~3
        data = data[(length + 3) & ~3 :]


def main() -> None:
    delay = float(sys.argv[1]) / 1000
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    netlink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    netlink.send(message(CONFIG, CFG_CMD, struct.pack(">BBH", BIND, 0, socket.AF_INET)))
    # The packets themselves stay in the kernel: their numbers are enough.
    netlink.send(message(CONFIG, CFG_PARAMS, struct.pack(">IB", 0, COPY_META)))
    netlink.send(message(CONFIG, CFG_MAXLEN, struct.pack(">I", 65536)))
    print("ready", flush=True)
    waiting: collections.deque[tuple[float, int]] = collections.deque()
    while True:
        rest = max(waiting[0][0] - time.monotonic(), 0) if waiting else None
        if select.select([netlink], [], [], rest)[0]:
            due = time.monotonic() + delay
            waiting.extend((due, number) for number in packet_ids(netlink.recv(1 << 16)))
        while waiting and waiting[0][0] <= time.monotonic():
            netlink.send(message(VERDICT, VERDICT_HDR, struct.pack(">II", ACCEPT, waiting.popleft()[1])))


main()
