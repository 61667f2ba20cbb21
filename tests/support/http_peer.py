"""Servers and raw clients of the HTTP tests, as programs:

  http_peer.py serve http1|http2 PORT    answers what Answers says, over HTTP/1.1 or HTTP/2 without TLS
  http_peer.py say HOST PORT             sends what is on stdin, prints what comes until the far end closes or rests 1 s
  http_peer.py many HOST PORT            the same with a connection for each of a JSON list; prints a JSON list
  http_peer.py connect2 HOST PORT TEXT   an HTTP/2 CONNECT; sends TEXT through the tunnel and prints what comes back
  http_peer.py websocket URL N           N messages through a WebSocket, to and fro
"""
import asyncio
import json
import socket
import sys

BIG = b"0123456789abcdef" * 65536


def answer(method, path, fields, body, trailers):
    """(status, fields, body, trailers) of one request."""
    if path == "/204":
        return 204, {"x-is": "204"}, b"", {}
    if path == "/304":
        return 304, {"etag": '"a"'}, b"", {}
    if path == "/refuse":
        return 403, {}, b"not wanted", {}
    if path == "/trailers":
        return 200, {}, b"with trailers", {"x-sum": "13", "x-more": "yes"}
    if path == "/told":
        return 200, {}, " ".join(f"{k}={v}" for k, v in sorted(trailers.items())).encode(), {}
    if path == "/fields":
        return 200, {}, "\n".join(f"{k}: {v}" for k, v in fields).encode(), {}
    if path == "/big":
        return 200, {}, BIG, {}
    if path == "/echo":
        return 200, {"x-method": method}, body, {}
    return 200, {}, path.encode(), {}


async def read_chunks(reader):
    body, trailers = b"", {}
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    while (line := await reader.readline()).strip():
        name, value = line.decode().split(":", 1)
        trailers[name.lower()] = value.strip()
    return body, trailers


async def tunnel1(reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while data := await reader.read(65536):
        writer.write(data.upper())
        await writer.drain()
    writer.close()


async def serve1(reader, writer):
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            first, *lines = head.decode("latin-1").rstrip().split("\r\n")
            method, path, _ = first.split(" ", 2)
            fields = [(n.lower(), v.strip()) for n, v in (line.split(":", 1) for line in lines)]
            told = dict(fields)
            if method == "CONNECT":
                return await tunnel1(reader, writer)
            body, trailers = b"", {}
            refused = path == "/refuse"
            if "expect" in told and not refused:
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            if not refused and "chunked" in told.get("transfer-encoding", ""):
                body, trailers = await read_chunks(reader)
            elif not refused:
                body = await reader.readexactly(int(told.get("content-length", 0)))
            status, out, body, sent_trailers = answer(method, path, fields, body, trailers)
            text = f"HTTP/1.1 {status} X\r\n" + "".join(f"{k}: {v}\r\n" for k, v in out.items())
            if sent_trailers:
                tail = "".join(f"{k}: {v}\r\n" for k, v in sent_trailers.items())
                text += "transfer-encoding: chunked\r\n\r\n"
                payload = b"%x\r\n%s\r\n0\r\n%s\r\n" % (len(body), body, tail.encode())
            else:
                text += "" if status in (204, 304) else f"content-length: {len(body)}\r\n"
                text += "connection: close\r\n" if refused else ""
                text, payload = text + "\r\n", body
            writer.write(text.encode() + (b"" if method == "HEAD" else payload))
            await writer.drain()
            if refused:
                break
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


class Serve2(asyncio.Protocol):
    """HTTP/2 by hyper-h2."""

    def __init__(self):
        from h2.config import H2Configuration
        from h2.connection import H2Connection
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8",
                                                  validate_inbound_headers=False))
        self.asked, self.waiting, self.tunnels = {}, {}, set()

    def connection_made(self, transport):
        self.transport = transport
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        self.transport.write(self.h2.data_to_send())

    def data_received(self, data):
        from h2 import events
        for event in self.h2.receive_data(data):
            stream = getattr(event, "stream_id", None)
            if isinstance(event, events.RequestReceived):
                self.begin(stream, event.headers)
            elif isinstance(event, events.DataReceived):
                self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
                if stream in self.tunnels:
                    self.put(stream, event.data.upper())
                elif stream in self.asked:
                    self.asked[stream][1].append(event.data)
            elif isinstance(event, events.TrailersReceived) and stream in self.asked:
                self.asked[stream][2].update(dict(event.headers))
            elif isinstance(event, events.StreamEnded):
                self.whole(stream)
            elif isinstance(event, events.WindowUpdated):
                for one in list(self.waiting):
                    self.more(one)
            elif isinstance(event, events.StreamReset):
                self.asked.pop(stream, None)
                self.waiting.pop(stream, None)
        self.flush()

    def begin(self, stream, fields):
        told = dict(fields)
        if told[":method"] == "CONNECT":
            self.tunnels.add(stream)
            self.h2.send_headers(stream, [(":status", "200")])
            return
        self.asked[stream] = (fields, [], {})
        if told[":path"] == "/refuse":
            self.respond(stream)
        elif "expect" in told:
            self.h2.send_headers(stream, [(":status", "100")])

    def whole(self, stream):
        if stream in self.tunnels:
            self.waiting.setdefault(stream, [b"", {}])[1]["end"] = True
            self.more(stream)
        elif stream in self.asked:
            self.respond(stream)

    def respond(self, stream):
        fields, parts, trailers = self.asked.pop(stream)
        told = dict(fields)
        status, out, body, tail = answer(told[":method"], told[":path"], fields, b"".join(parts), trailers)
        head = [(":status", str(status)), *out.items()]
        if status not in (204, 304) and not tail:
            head.append(("content-length", str(len(body))))
        if told[":method"] == "HEAD" or (not body and not tail):
            return self.h2.send_headers(stream, head, end_stream=True)
        self.h2.send_headers(stream, head)
        self.waiting[stream] = [body, {"end": True, "trailers": tail}]
        self.more(stream)

    def put(self, stream, data):
        self.waiting.setdefault(stream, [b"", {}])[0] += data
        self.more(stream)

    def more(self, stream):
        body, after = self.waiting[stream]
        while body and (room := min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)):
            self.h2.send_data(stream, body[:room])
            body = body[room:]
        self.waiting[stream][0] = body
        if body or not after.get("end"):
            return
        if after.get("trailers"):
            self.h2.send_headers(stream, list(after["trailers"].items()), end_stream=True)
        else:
            self.h2.end_stream(stream)
        del self.waiting[stream]


async def serve(version, port):
    loop = asyncio.get_running_loop()
    if version == "http1":
        server = await asyncio.start_server(serve1, "0.0.0.0", port, limit=1 << 20)
    else:
        server = await loop.create_server(Serve2, "0.0.0.0", port)
    await server.serve_forever()


def say(host, port):
    with socket.create_connection((host, port)) as to:
        to.sendall(sys.stdin.buffer.read())
        to.settimeout(1.0)
        try:
            while data := to.recv(65536):
                sys.stdout.buffer.write(data)
        except TimeoutError:
            pass


def many(host, port):
    async def one(text):
        reader, writer = await asyncio.open_connection(host, port)
        got = b""
        try:
            writer.write(text.encode("latin-1"))
            while part := await asyncio.wait_for(reader.read(65536), 2.0):
                got += part
        except (TimeoutError, asyncio.TimeoutError, ConnectionError):
            pass
        writer.close()
        return got.decode("latin-1")

    async def everybody():
        print(json.dumps(await asyncio.gather(*map(one, json.load(sys.stdin)))))
    asyncio.run(everybody())


def connect2(host, port, text):
    from h2 import events
    from h2.config import H2Configuration
    from h2.connection import H2Connection
    # hyper-h2 wants a :path of a CONNECT too.
    h2 = H2Connection(H2Configuration(validate_outbound_headers=False))
    got, data = b"", b""
    with socket.create_connection((host, port)) as to:
        to.settimeout(5)
        h2.initiate_connection()
        h2.send_headers(1, [(":method", "CONNECT"), (":authority", "somewhere:7")])
        h2.send_data(1, text.encode(), end_stream=True)
        while True:
            to.sendall(h2.data_to_send())
            if not (data := to.recv(65536)):
                return print("closed")
            for event in h2.receive_data(data):
                if isinstance(event, events.ResponseReceived):
                    print(dict(event.headers)[b":status"].decode())
                elif isinstance(event, events.DataReceived):
                    got += event.data
                elif isinstance(event, events.StreamReset):
                    return print("reset", event.error_code)
                elif isinstance(event, events.StreamEnded):
                    return print(got.decode())


async def websocket(url, count):
    import websockets
    async with websockets.connect(url) as peer:
        for number in range(count):
            text = f"message {number} " + "x" * number * 100
            await peer.send(text)
            assert await peer.recv() == text[::-1]
        print("all came back")


async def serve_websocket(port):
    import websockets

    async def turn(peer, *_):
        async for text in peer:
            await peer.send(text[::-1])
    async with websockets.serve(turn, "0.0.0.0", port):
        await asyncio.Future()


def main(role, *words):
    if role == "serve" and words[0] == "websocket":
        asyncio.run(serve_websocket(int(words[1])))
    elif role == "serve":
        asyncio.run(serve(words[0], int(words[1])))
    elif role == "say":
        say(words[0], int(words[1]))
    elif role == "many":
        many(words[0], int(words[1]))
    elif role == "connect2":
        connect2(words[0], int(words[1]), words[2])
    else:
        asyncio.run(websocket(words[0], int(words[1])))


if __name__ == "__main__":
    main(*sys.argv[1:])
