"""Connections in great number that are no use to anybody: many.py MODE COUNT HOST PORT SECONDS

  half_open     SYNs from a raw socket in the name of hosts that do not exist, so that nobody answers the answers
  unfinished    connections that stop in the middle of a TLS handshake: silent, half a ClientHello, a whole one
  slow_readers  each asks for more than any buffer holds and reads one byte a second
  slow_writers  each sends its request one byte a second

Prints "held N" when all are there, holds them for SECONDS and prints "done N LIVE", LIVE being those still open.
"""
import ipaddress
import select
import socket
import ssl
import struct
import sys
import time

REQUEST = b"GET /files/big HTTP/1.1\r\nHost: slow\r\n\r\n"


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def syn(source, target, from_port, port):
    pseudo = source + target + struct.pack(">xBH", 6, 20)
    segment = struct.pack(">HHIIBBHHH", from_port, port, from_port * 7919, 0, 5 << 4, 2, 65535, 0, 0)
    segment = segment[:16] + struct.pack(">H", checksum(pseudo + segment)) + segment[18:]
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0, source, target)
    return header[:10] + struct.pack(">H", checksum(header)) + header[12:] + segment


def half_open(count, host, port, seconds):
    target = ipaddress.ip_address(host).packed
    nobody = [ipaddress.ip_address(f"10.77.1.{200 + number}").packed for number in range(50)]
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as out:
        for number in range(count):
            out.sendto(syn(nobody[number % 50], target, 1024 + number // 50, port), (host, 0))
            if number % 500 == 499:
                time.sleep(0.005)
    print(f"held {count}", flush=True)
    time.sleep(seconds)
    return count


def client_hello():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["sluice-h2"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(incoming, outgoing).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def connect_all(count, host, port):
    opened = []
    for _ in range(count):
        connection = socket.create_connection((host, port), 20)
        connection.setblocking(False)
        opened.append(connection)
    return opened


def live(connections):
    """How many have not been ended by the other side; takes what has come."""
    poll = select.poll()
    by_number = {connection.fileno(): connection for connection in connections}
    for number in by_number:
        poll.register(number, select.POLLIN)
    ended = set()
    for number, _ in poll.poll(0):
        try:
            while data := by_number[number].recv(65536):
                pass
            if not data:
                ended.add(number)
        except BlockingIOError:
            pass
        except OSError:
            ended.add(number)
    return len(by_number) - len(ended)


def unfinished(count, host, port, seconds):
    hello = client_hello()
    connections = []
    for number in range(count):
        connections += connect_all(1, host, port)
        connections[-1].send((b"", hello[:100], hello, hello)[number % 4])
    print(f"held {count}", flush=True)
    time.sleep(seconds)
    return live(connections)


def slow(count, host, port, seconds, step):
    connections = connect_all(count, host, port)
    for connection in connections:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    print(f"held {count}", flush=True)
    broken = set()
    for second in range(seconds):
        for connection in connections:
            if connection in broken:
                continue
            try:
                step(connection, second)
            except BlockingIOError:
                pass
            except OSError:
                broken.add(connection)
        time.sleep(1)
    return len(connections) - len(broken)


def read_slowly(connection, second):
    if second == 0:
        connection.send(REQUEST)
    elif not connection.recv(1):
        raise OSError("ended")


def write_slowly(connection, second):
    connection.send(REQUEST[second % len(REQUEST):][:1])


def main():
    mode, count, host, port, seconds = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    if mode == "half_open":
        left = half_open(count, host, port, seconds)
    elif mode == "unfinished":
        left = unfinished(count, host, port, seconds)
    else:
        left = slow(count, host, port, seconds, read_slowly if mode == "slow_readers" else write_slowly)
    print(f"done {count} {left}")


if __name__ == "__main__":
    main()
