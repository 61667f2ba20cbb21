"""A client of the mesh's tunnel that says what it likes (RFC 9113, RFC 7541 6.2.2, frames by hand):

  tunnel_client.py HOST PORT CERTIFICATE KEY ALPN AUTHORITY CLIENT

Asks for one stream to AUTHORITY as CLIENT, sends an HTTP request on it and prints what came back: "served TEXT",
"reset CODE", "ended" (the connection ended) or "handshake TEXT" (there was none). With ALPN `sluice` there are no
frames: the connection itself carries the request.
"""
import socket
import ssl
import struct
import sys

DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
REQUEST = b"GET / HTTP/1.0\r\n\r\n"


def frame(kind, flags, stream, body=b""):
    return len(body).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + body


def fields(*pairs):
    return b"".join(b"\0" + b"".join(bytes([len(t)]) + t.encode() for t in pair) for pair in pairs)


def frames(connection):
    held = b""
    while True:
        while len(held) < 9 or len(held) < 9 + int.from_bytes(held[:3], "big"):
            part = connection.recv(65536)
            if not part:
                return
            held += part
        size = int.from_bytes(held[:3], "big")
        yield held[3], held[4], int.from_bytes(held[5:9], "big"), held[9:9 + size]
        held = held[9 + size:]


def tunnel(connection, authority, client):
    request = fields((":method", "CONNECT"), (":authority", authority), ("sluice-client", client))
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0) + frame(HEADERS, 4, 1, request) +
                       frame(DATA, 0, 1, REQUEST))
    for kind, flags, stream, body in frames(connection):
        if kind == SETTINGS and not flags & 1:
            connection.sendall(frame(SETTINGS, 1, 0))
        if stream == 1 and kind == DATA and body:
            return f"served {body.decode(errors='replace')}"
        if stream == 1 and kind == RESET:
            return f"reset {struct.unpack('>I', body)[0]}"
    return "ended"


def main():
    host, port, certificate, key, alpn, authority, client = sys.argv[1:8]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols([alpn])
    try:
        with socket.create_connection((host, int(port)), 5) as plain, context.wrap_socket(plain) as connection:
            if connection.selected_alpn_protocol() != alpn:
                return f"handshake chose {connection.selected_alpn_protocol()}"
            if alpn != "sluice":
                return tunnel(connection, authority, client)
            connection.sendall(REQUEST)
            data = connection.recv(65536)
            return f"served {data.decode(errors='replace')}" if data else "ended"
    except (ssl.SSLError, OSError) as error:
        return f"handshake {error}"


if __name__ == "__main__":
    print(main())
