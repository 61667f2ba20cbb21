"""Prints every packet that a device sees: watch.py DEVICE -> "SOURCE DESTINATION PROTOCOL PORT FLAGS" a line.

PROTOCOL and PORT are those behind the fixed header (IPv6 extension headers are not followed). ARP and neighbour
discovery are left out.
"""
import ipaddress
import socket
import struct
import sys

with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as tap:
    tap.bind((sys.argv[1], 3))
    print("watching", flush=True)
    while True:
        frame, (_, kind, *_) = tap.recvfrom(65536)
        if kind == 0x0800:
            start, protocol = 14 + (frame[14] & 15) * 4, frame[23]
            ends = [ipaddress.ip_address(frame[at:at + 4]) for at in (26, 30)]
        elif kind == 0x86dd:
            start, protocol = 54, frame[20]
            ends = [ipaddress.ip_address(frame[at:at + 16]) for at in (22, 38)]
            if protocol == 58:
                continue
        else:
            if kind != 0x0806:
                print(f"- - ethertype-{kind:x} 0 0", flush=True)
            continue
        port = struct.unpack_from(">H", frame, start + 2)[0] if len(frame) >= start + 4 else 0
        flags = frame[start + 13] if protocol == 6 and len(frame) > start + 13 else 0
        print(*ends, protocol, port, flags, flush=True)
