"""A DNS server for tests: dns_server.py ADDRESS ZONE. ZONE is a JSON file, read anew for every question:
{name: {"a": [addresses], "ttl": seconds} | {"cname": name, "ttl": seconds} | "silent" | "servfail"}; other names
do not exist."""
import ipaddress
import json
import pathlib
import socket
import struct
import sys

A, CNAME = 1, 5
NXDOMAIN, SERVFAIL = 3, 2


def labels(name):
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"


def record(name, kind, ttl, data):
    return labels(name) + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data


def question(query):
    at, parts = 12, []
    while query[at]:
        parts.append(query[at + 1:at + 1 + query[at]].decode())
        at += query[at] + 1
    return ".".join(parts), struct.unpack("!H", query[at + 1:at + 3])[0], query[12:at + 5]


def records(zone, name, kind):
    """RCODE and records; None: nothing is said."""
    out = []
    for _ in range(8):
        entry = zone.get(name)
        if entry is None:
            return NXDOMAIN, out
        if entry == "silent":
            return None
        if entry == "servfail":
            return SERVFAIL, []
        if "cname" not in entry:
            if kind == A:
                out += [record(name, A, entry["ttl"], ipaddress.ip_address(one).packed) for one in entry["a"]]
            return 0, out
        out.append(record(name, CNAME, entry["ttl"], labels(entry["cname"])))
        name = entry["cname"]
    return SERVFAIL, []


def main():
    address, zone = sys.argv[1], pathlib.Path(sys.argv[2])
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, 53))
    print("listening", flush=True)
    while True:
        query, client = server.recvfrom(512)
        name, kind, asked = question(query)
        said = records(json.loads(zone.read_text()), name, kind)
        print(name, kind, "nothing" if said is None else said[0], flush=True)
        if said is not None:
            head = query[:2] + struct.pack("!HHHHH", 0x8180 | said[0], 1, len(said[1]), 0, 0)
            server.sendto(head + asked + b"".join(said[1]), client)


if __name__ == "__main__":
    main()
