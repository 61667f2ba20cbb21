"""Packet capture on a wire of the lab, and what is asked of it: is this text in it, which TLS versions were agreed."""
import ipaddress
import struct

from . import net
from .process import wait_for

TLS13 = 0x0304


class Capture:
    def __init__(self, lab, namespace, device):
        self.path = lab.directory / f"{namespace}-{device}.pcap"
        self.path.unlink(missing_ok=True)
        self.processes = lab.processes
        self.child = lab.processes.start(
            f"tcpdump-{device}",
            net.inside(namespace, "tcpdump", "-i", device, "--immediate-mode", "-U", "-w", self.path, "tcp"),
            lab.directory / "tcpdump.log")
        wait_for(lambda: self.path.exists() and self.path.stat().st_size >= 24, "tcpdump to listen")

    def stop(self):
        self.processes.end(self.child, timeout=5.0)
        return self.path.read_bytes()


def segments(pcap):
    """(source, destination, TCP header and payload) of every TCP packet in a little-endian Ethernet pcap; addresses
    are packed."""
    offset = 24
    while offset + 16 <= len(pcap):
        length = struct.unpack_from("<I", pcap, offset + 8)[0]
        frame = pcap[offset + 16:offset + 16 + length]
        offset += 16 + length
        kind = frame[12:14]
        if kind == b"\x08\x00" and frame[23] == 6:
            start, addresses = 14 + (frame[14] & 15) * 4, (frame[26:30], frame[30:34])
            total = struct.unpack_from(">H", frame, 16)[0] + 14
        elif kind == b"\x86\xdd" and frame[20] == 6:
            start, addresses = 54, (frame[22:38], frame[38:54])
            total = struct.unpack_from(">H", frame, 18)[0] + 54
        else:
            continue
        yield *addresses, frame[start:total]


def payloads(pcap):
    """The TCP payload of every packet."""
    for _, _, segment in segments(pcap):
        yield segment[(segment[12] >> 4) * 4:]


def flows_to(pcap, host, port):
    """What each connection to an address carried there, as one string of bytes each, retransmissions once."""
    wanted, flows = ipaddress.ip_address(host).packed, {}
    for source, destination, segment in segments(pcap):
        from_port, to_port, sequence = struct.unpack_from(">HHI", segment)
        if (destination, to_port) == (wanted, port):
            data = segment[(segment[12] >> 4) * 4:]
            flows.setdefault((source, from_port), {}).setdefault(sequence, data) if data else None
    return [b"".join(data for _, data in sorted(parts.items())) for parts in flows.values()]


def server_hello_versions(pcap):
    """The TLS version of each ServerHello that starts a packet (RFC 8446 4.1.3, 4.2.1)."""
    versions = []
    for data in payloads(pcap):
        if len(data) < 44 or data[0] != 22 or data[5] != 2:
            continue
        position = 5 + 4 + 2 + 32
        position += 1 + data[position] + 3
        version = struct.unpack_from(">H", data, 9)[0]
        end = position + 2 + struct.unpack_from(">H", data, position)[0]
        position += 2
        while position + 4 <= min(end, len(data)):
            kind, size = struct.unpack_from(">HH", data, position)
            if kind == 43 and size == 2:
                version = struct.unpack_from(">H", data, position + 4)[0]
            position += 4 + size
        versions.append(version)
    return versions
