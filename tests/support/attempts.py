"""Ways out of a namespace that do not go through connect() as it is meant: attempts.py NAME IPV4 IPV6 PORT [DEVICE]

Sends one attempt at reaching PORT and prints how it went on one line; what arrives is judged by whoever listens on the
far side. Runs with a container's default capabilities, CAP_NET_RAW among them.
"""
import ctypes
import ipaddress
import mmap
import os
import socket
import struct
import subprocess
import sys

FROM_PORT = 41414
SYN, ACK, PSH = 2, 16, 8
SOL_PACKET, QDISC_BYPASS = 263, 20
AF_XDP, SOL_XDP = 44, 283
LIBC = ctypes.CDLL(None, use_errno=True)


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Way:
    def __init__(self, v4, v6, port, device):
        self.v4, self.v6, self.port, self.device = v4, v6, port, device
        self.own4, self.own6 = (self.source(f, to) for f, to in ((socket.AF_INET, v4), (socket.AF_INET6, v6)))

    @staticmethod
    def source(family, to):
        """The address that the kernel would use; a policy that refuses even this gives the device's first address."""
        what = ["ip"] + (["-6"] if family == socket.AF_INET6 else []) + ["-o", "route", "get", to]
        words = subprocess.run(what, capture_output=True, text=True, check=True).stdout.split()
        return words[words.index("src") + 1]

    def tcp(self, flags, v6=False, payload=b""):
        header = struct.pack(">HHIIBBHHH", FROM_PORT, self.port, 7, 7, 5 << 4, flags, 1024, 0, 0) + payload
        own, to = (self.own6, self.v6) if v6 else (self.own4, self.v4)
        pseudo = ipaddress.ip_address(own).packed + ipaddress.ip_address(to).packed
        pseudo += struct.pack(">IxxxB", len(header), 6) if v6 else struct.pack(">xBH", 6, len(header))
        return header[:16] + struct.pack(">H", checksum(pseudo + header)) + header[18:]

    def ipv4(self, protocol, payload, fragment=0, options=b"", to=None):
        length = 20 + len(options)
        header = struct.pack(">BBHHHBBH4s4s", 0x40 | length // 4, 0, length + len(payload), 0x7777, fragment, 64,
                             protocol, 0, ipaddress.ip_address(self.own4).packed,
                             ipaddress.ip_address(to or self.v4).packed) + options
        return header[:10] + struct.pack(">H", checksum(header)) + header[12:] + payload

    def ipv6(self, first, payload):
        return struct.pack(">IHBB16s16s", 6 << 28, len(payload), first, 64, ipaddress.ip_address(self.own6).packed,
                           ipaddress.ip_address(self.v6).packed) + payload

    def frame(self, packet, kind=0x0800):
        """The packet in an Ethernet frame for the gateway, whose address the neighbour table knows."""
        gateway = "169.254.77.1"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ask:
            try:
                ask.sendto(b"", (gateway, 9))
            except OSError:
                subprocess.run(["ping", "-c1", "-W1", gateway], capture_output=True, check=False)
        words = subprocess.run(["ip", "neigh", "show", gateway], capture_output=True, text=True, check=True).stdout
        words = words.split()
        to = bytes.fromhex(words[words.index("lladdr") + 1].replace(":", "")) if "lladdr" in words else b"\xff" * 6
        with open(f"/sys/class/net/{self.device}/address", encoding="ascii") as file:
            own = bytes.fromhex(file.read().strip().replace(":", ""))
        return to + own + struct.pack(">H", kind) + packet

    def raw4(self, *packets):
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as out:
            for packet in packets:
                out.sendto(packet, (self.v4, 0))

    def raw6(self, packet):
        with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW) as out:
            out.sendto(packet, (self.v6, 0))

    def packet(self, packet, bypass=False, kind=0x0800):
        frame = self.frame(packet, kind)
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
            if bypass:
                out.setsockopt(SOL_PACKET, QDISC_BYPASS, 1)
            out.bind((self.device, 0))
            out.send(frame)

    def connect(self, family=socket.AF_INET, protocol=0, to=None, options=()):
        with socket.socket(family, socket.SOCK_STREAM, protocol) as out:
            out.settimeout(1)
            for level, name, value in options:
                out.setsockopt(level, name, value)
            out.connect((to or (self.v6 if family == socket.AF_INET6 else self.v4), self.port))

    # --- one method an attempt

    def plain(self):
        self.connect()

    def plain_ipv6(self):
        self.connect(socket.AF_INET6)

    def raw_syn(self):
        self.raw4(self.ipv4(6, self.tcp(SYN)))

    def raw_syn_ipv6(self):
        self.raw6(self.ipv6(6, self.tcp(SYN, v6=True)))

    def packet_socket(self):
        self.packet(self.ipv4(6, self.tcp(SYN)))

    def packet_socket_bypass(self):
        self.packet(self.ipv4(6, self.tcp(SYN)), bypass=True)

    def fragmented_syn(self):
        segment = self.tcp(SYN)
        self.raw4(self.ipv4(6, segment[:8], fragment=0x2000), self.ipv4(6, segment[8:], fragment=1))

    def fragmented_syn_ipv6(self):
        segment = self.tcp(SYN, v6=True)
        for offset, more, part in ((0, 1, segment[:8]), (8, 0, segment[8:])):
            self.packet(self.ipv6(44, struct.pack(">BBHI", 6, 0, offset | more, 77) + part), kind=0x86dd)

    def extension_headers(self):
        self.packet(self.ipv6(60, bytes([60, 0, 1, 4, 0, 0, 0, 0]) + bytes([6, 0, 1, 4, 0, 0, 0, 0]) +
                              self.tcp(SYN, v6=True)), kind=0x86dd)

    def routing_header(self):
        self.packet(self.ipv6(43, bytes([6, 2, 4, 0, 0, 0, 0, 0]) + ipaddress.ip_address(self.v6).packed +
                              self.tcp(SYN, v6=True)), kind=0x86dd)

    def raw_ack_data_ipv6(self):
        self.packet(self.ipv6(6, self.tcp(ACK | PSH, v6=True, payload=b"data")), kind=0x86dd)

    def raw_ack_data(self):
        """No SYN at all: data for somebody who listens with a packet socket too."""
        self.raw4(self.ipv4(6, self.tcp(ACK | PSH, payload=b"data without a connection")))

    def raw_syn_ack(self):
        """Data in the answer to a SYN that somebody outside sent so that the workload need not send one."""
        self.raw4(self.ipv4(6, self.tcp(SYN | ACK, payload=b"data")))

    def raw_bare_flags(self):
        """FIN, RST and no flag at all also carry data."""
        for flags in (0, 1, 4, 4 | ACK):
            self.raw4(self.ipv4(6, self.tcp(flags, payload=b"data")))

    def source_route(self):
        self.raw4(self.ipv4(17, struct.pack(">HHHH", FROM_PORT, self.port, 12, 0) + b"data",
                            options=bytes([131, 7, 4]) + ipaddress.ip_address(self.v4).packed + b"\0"))

    def forged_mark(self):
        """CAP_NET_RAW suffices for SO_MARK since kernel 5.17; the values are those an application may guess."""
        for mark in (1, 0x539, 0x1000, 0x53000000, 0x40000000, 0xffffffff):
            try:
                self.connect(options=[(socket.SOL_SOCKET, 36, struct.pack("I", mark))])
            except OSError as error:
                print(f"mark {mark:#x}: {error}")

    def bind_to_device(self):
        self.connect(options=[(socket.SOL_SOCKET, 25, self.device.encode() + b"\0")])

    def fast_open(self):
        with socket.socket() as out:
            out.settimeout(1)
            out.sendto(b"early", 0x20000000, (self.v4, self.port))

    def mptcp(self):
        self.connect(protocol=262)

    def v4_mapped(self):
        self.connect(socket.AF_INET6, to="::ffff:" + self.v4)

    def udp(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(b"datagram", (self.v4, self.port))

    def udp_connected_ipv6(self):
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as out:
            out.connect((self.v6, self.port))
            out.send(b"datagram")

    def quic(self):
        """A client's first datagram: long header, version 1, padded to 1200 bytes (RFC 9000 14.1, 17.2.2)."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(b"\xc0\0\0\0\x01\x08" + b"12345678" + b"\0" * 1186, (self.v4, self.port))

    def udp_raw(self):
        self.packet(self.ipv4(17, struct.pack(">HHHH", FROM_PORT, self.port, 12, 0) + b"data"), bypass=True)

    def sctp(self):
        self.raw4(self.ipv4(132, struct.pack(">HHII", FROM_PORT, self.port, 0, 0) + b"\x01\0\0\x14" + b"\0" * 16))

    def tunnel_in_ip(self):
        self.raw4(self.ipv4(4, self.ipv4(6, self.tcp(SYN))))

    def ping(self):
        self.raw4(self.ipv4(1, b"\x08\0" + struct.pack(">H", checksum(b"\x08\0\0\0abcd")) + b"abcd"))

    def vlan(self):
        self.packet(struct.pack(">HH", 5, 0x0800) + self.ipv4(6, self.tcp(SYN)), kind=0x8100)

    def child_cgroup(self):
        self.connect()

    moved_cgroup = child_cgroup

    def io_uring(self):
        out = socket.socket()
        where = struct.pack("<H", socket.AF_INET) + struct.pack(">H", self.port) + socket.inet_aton(self.v4) + b"\0" * 8
        address = ctypes.create_string_buffer(where, 16)
        parameters = ctypes.create_string_buffer(120)
        ring = LIBC.syscall(425, 2, parameters)
        if ring < 0:
            raise OSError(ctypes.get_errno(), "io_uring_setup")
        sq = struct.unpack_from("<10I", parameters, 40)
        cq = struct.unpack_from("<10I", parameters, 80)
        rings = mmap.mmap(ring, max(sq[6] + 64, cq[5] + 64), mmap.MAP_SHARED, offset=0)
        entries = mmap.mmap(ring, 128, mmap.MAP_SHARED, offset=0x10000000)
        entries[:32] = struct.pack("<BBHiQQ", 16, 0, 0, out.fileno(), 16, ctypes.addressof(address)) + b"\0" * 8
        struct.pack_into("<I", rings, sq[6], 0)
        struct.pack_into("<I", rings, sq[1], 1)
        LIBC.syscall(426, ring, 1, 1, 1, 0, 0)
        result = struct.unpack_from("<i", rings, cq[5] + 8)[0]
        if result < 0:
            raise OSError(-result, os.strerror(-result))

    def xdp_socket(self):
        """One frame through an AF_XDP socket in copy mode, which goes to the device below every queue."""
        frame = self.frame(self.ipv4(6, self.tcp(SYN)))
        area = mmap.mmap(-1, 16 * 4096)
        area[:len(frame)] = frame
        out = socket.socket(AF_XDP, socket.SOCK_RAW)
        where = ctypes.addressof(ctypes.c_char.from_buffer(area))
        out.setsockopt(SOL_XDP, 4, struct.pack("<QQIIII", where, 16 * 4096, 4096, 0, 0, 0))
        for ring in (5, 6, 3):
            out.setsockopt(SOL_XDP, ring, struct.pack("<i", 16))
        offsets = struct.unpack("<16Q", out.getsockopt(SOL_XDP, 1, 128))
        send = mmap.mmap(out.fileno(), 4096, mmap.MAP_SHARED, offset=0x80000000)
        producer, _, descriptors, _ = offsets[4:8]
        bind = struct.pack("<HHIII", AF_XDP, 2, socket.if_nametoindex(self.device), 0, 0)
        if LIBC.bind(out.fileno(), bind, len(bind)):
            raise OSError(ctypes.get_errno(), "bind of AF_XDP")
        struct.pack_into("<QII", send, descriptors, 0, len(frame), 0)
        struct.pack_into("<I", send, producer, 1)
        if LIBC.sendto(out.fileno(), None, 0, socket.MSG_DONTWAIT, None, 0) < 0:
            raise OSError(ctypes.get_errno(), "sendto of AF_XDP")


def main():
    name, v4, v6, port, device = sys.argv[1:6]
    way = Way(v4, v6, int(port), device)
    try:
        getattr(way, name)()
        print("sent")
    except OSError as error:
        print(f"refused {error}")


if __name__ == "__main__":
    main()
