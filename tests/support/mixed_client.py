"""One kind of the mixed load: mixed_client.py http1|http2|websocket|tcp PORT SECONDS SEED   on 127.0.0.1.

Every request has an id of its own, and what comes back must be of that id. Some clients leave in the middle. At the
end a line of JSON: {"counts": {outcome: number}, "wrong": [what must not have been]}. Outcomes of HTTP are statuses;
"left" is what the client gave up itself, "cut" an answer that its server broke off, "late" one whose time was over
after its head.
"""
import asyncio
import collections
import json
import random
import socket
import struct
import sys
import time

from mixed_server import big_of

WAIT = 30  # seconds for anything
EXPECTED = {200, 418, 429, 503, 504}
TIMEOUT = 0.5  # the shortest request timeout
WRONG_MAX = 20


class Told:
    def __init__(self, name):
        self.name, self.number = name, 0
        self.counts, self.wrong = collections.Counter(), []

    def ident(self):
        self.number += 1
        return f"{self.name}-{self.number}"

    def is_wrong(self, text):
        self.counts["wrong"] += 1
        if len(self.wrong) < WRONG_MAX:
            self.wrong.append(text)

    def judge(self, request, status, fields, body):
        """A whole answer."""
        self.counts[str(status)] += 1
        ident = fields.get("x-id", None if status == 200 else request.ident)
        if ident != request.ident:
            self.is_wrong(f"{request}: the answer is of {ident}: {status}")
        elif status not in EXPECTED:
            self.is_wrong(f"{request}: {status} {body[:80]}")
        elif status == 200 and body != request.expected():
            self.is_wrong(f"{request}: {len(body)} bytes {body[:40]} instead of {request.expected()[:40]}")

    def broken(self, request, why):
        """An answer that did not come, or not whole."""
        if request.path == "/cut":
            self.counts["cut"] += 1
        elif time.monotonic() > request.made + TIMEOUT:
            self.counts["late"] += 1
        else:
            self.is_wrong(f"{request}: {why}")


class Request:
    PATHS = ("/id", "/echo", "/big", "/flaky", "/slow", "/trailers", "/cut")
    SHARES = (50, 25, 5, 8, 4, 5, 3)

    def __init__(self, rng, ident, body_max):
        self.ident, self.made = ident, time.monotonic()
        self.path = rng.choices(self.PATHS, self.SHARES)[0]
        self.body = b""
        if self.path == "/echo":
            size = rng.choice((10, 1000, body_max))
            self.body = (ident * (size // len(ident) + 1)).encode()
        self.chunked = rng.random() < 0.4

    def method(self):
        return "POST" if self.body else "GET"

    def target(self):
        return f"{self.path}?{self.ident}"

    def __str__(self):
        return f"{self.ident} {self.path}"

    def expected(self):
        """The body of a good answer."""
        if self.path == "/echo":
            return self.body
        return big_of(self.ident) if self.path == "/big" else self.target().encode()

    def http1(self, close):
        head = f"{self.method()} {self.target()} HTTP/1.1\r\nhost: mixed\r\nx-id: {self.ident}\r\n"
        if close:
            head += "connection: close\r\n"
        if not self.body:
            return f"{head}\r\n".encode()
        if not self.chunked:
            return f"{head}content-length: {len(self.body)}\r\n\r\n".encode() + self.body
        half = len(self.body) // 2
        pieces = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (self.body[:half], self.body[half:]))
        return f"{head}transfer-encoding: chunked\r\n\r\n".encode() + pieces + b"0\r\n\r\n"


def reset(writer):
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def answer1(reader):
    """(status, fields, body, does the connection stay)"""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    fields = {n.lower(): v.strip() for n, v in (line.split(":", 1) for line in lines)}
    body = b""
    if "chunked" in fields.get("transfer-encoding", ""):
        while size := int((await reader.readline()).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        while (await reader.readline()).strip():
            pass
    elif "content-length" in fields:
        body = await reader.readexactly(int(fields["content-length"]))
    else:
        body = await reader.read()
    return int(first.split(" ")[1]), fields, body, "close" not in fields.get("connection", "")


async def turn1(told, rng, reader, writer):
    """One request, or two at once; False: the connection is done with."""
    requests = [Request(rng, told.ident(), 100_000)]
    close = rng.random() < 0.1
    if rng.random() < 0.05 and not requests[0].body:
        requests.append(Request(rng, told.ident(), 1000))
    words = b"".join(r.http1(close and r is requests[-1]) for r in requests)
    leaving = rng.random()
    if leaving < 0.02:
        writer.write(words[:rng.randrange(1, len(words))])
        told.counts["left"] += 1
        return False
    writer.write(words)
    if leaving < 0.04:
        await reader.read(rng.choice((1, 100, 30_000)))
        told.counts["left"] += 1
        reset(writer)
        return False
    for request in requests:
        try:
            status, fields, body, stays = await answer1(reader)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            told.broken(request, f"{type(error).__name__}: {error}")
            return False
        told.judge(request, status, fields, body)
        if not stays:
            return False
    return True


async def http1(told, rng, port, end):
    while time.monotonic() < end:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        for _ in range(rng.randrange(1, 60)):
            if not await asyncio.wait_for(turn1(told, rng, reader, writer), WAIT) or time.monotonic() > end:
                break
            await asyncio.sleep(0.001)
        writer.close()


class Streams:
    """The streams of one HTTP/2 connection, by hyper-h2."""

    def __init__(self, told, rng, writer):
        from h2.config import H2Configuration
        from h2.connection import H2Connection
        self.told, self.rng, self.writer = told, rng, writer
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.open = {}  # stream: [request, status, fields, body]
        self.over = False
        self.h2.initiate_connection()

    def ask(self):
        request = Request(self.rng, self.told.ident(), 6000)
        stream = self.h2.get_next_available_stream_id()
        fields = [(":method", request.method()), (":path", request.target()), (":scheme", "http"),
                  (":authority", "mixed"), ("x-id", request.ident)]
        if len(request.body) > self.h2.remote_settings.initial_window_size or len(request.body) > \
                self.h2.outbound_flow_control_window:
            return
        self.h2.send_headers(stream, fields, end_stream=not request.body)
        if request.body:
            self.h2.send_data(stream, request.body, end_stream=True)
        self.open[stream] = [request, 0, {}, b""]
        if self.rng.random() < 0.02:
            self.h2.reset_stream(stream, 8)
            del self.open[stream]
            self.told.counts["left"] += 1

    def take(self, data):
        from h2 import events
        for event in self.h2.receive_data(data):
            one = self.open.get(getattr(event, "stream_id", None))
            if isinstance(event, events.DataReceived):
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if isinstance(event, events.ConnectionTerminated):
                self.over = True
            if one is None:
                continue
            if isinstance(event, events.ResponseReceived):
                one[2] = dict(event.headers)
                one[1] = int(one[2][":status"])
            elif isinstance(event, events.DataReceived):
                one[3] += event.data
            elif isinstance(event, events.StreamEnded):
                del self.open[event.stream_id]
                self.told.judge(*one)
            elif isinstance(event, events.StreamReset):
                del self.open[event.stream_id]
                self.told.broken(one[0], f"reset with {event.error_code}, status {one[1]}, {len(one[3])} bytes")

    def flush(self):
        self.writer.write(self.h2.data_to_send())


async def http2(told, rng, port, end):
    while time.monotonic() < end:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        streams = Streams(told, rng, writer)
        wanted = rng.randrange(1, 300)
        while wanted > 0 or streams.open:
            while wanted > 0 and len(streams.open) < 8 and not streams.over:
                streams.ask()
                wanted -= 1
            streams.flush()
            data = await asyncio.wait_for(reader.read(1 << 18), WAIT) if streams.open else b""
            if not data:
                break
            streams.take(data)
            wanted = 0 if streams.over or time.monotonic() > end else wanted
            await asyncio.sleep(0.001)
            if rng.random() < 0.002:
                told.counts["left"] += len(streams.open)
                streams.open.clear()
                reset(writer)
                break
        for request, *_ in streams.open.values():
            told.broken(request, "the connection ended")
        writer.close()


async def websocket(told, rng, port, end):
    import websockets
    while time.monotonic() < end:
        async with websockets.connect(f"ws://127.0.0.1:{port}/room", open_timeout=WAIT) as peer:
            for _ in range(rng.randrange(1, 40)):
                text = told.ident() * rng.choice((1, 100, 5000))
                await peer.send(text)
                if await asyncio.wait_for(peer.recv(), WAIT) == text[::-1]:
                    told.counts["messages"] += 1
                else:
                    told.is_wrong("a message that is not the one sent")
                await asyncio.sleep(0.005)
            told.counts["rooms"] += 1
            if rng.random() < 0.2:
                told.counts["left"] += 1
                peer.transport.abort()


async def tcp(told, rng, port, end):
    while time.monotonic() < end:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(rng.randrange(1, 10)):
            line = told.ident().encode() * rng.choice((1, 10, 8000))
            writer.write(line)
            if await asyncio.wait_for(reader.readexactly(len(line)), WAIT) == line:
                told.counts["echoes"] += 1
            else:
                told.is_wrong("bytes that are not the ones sent")
        told.counts["connections"] += 1
        if rng.random() < 0.2:
            told.counts["left"] += 1
            writer.write(b"x" * 100_000)
            reset(writer)
            continue
        writer.write_eof()
        if await asyncio.wait_for(reader.read(), WAIT):
            told.is_wrong("bytes behind the end")
        writer.close()
        await asyncio.sleep(0.005)


async def run(kind, port, seconds, seed):
    told = Told(f"{kind}-{port}-{seed}")
    end = time.monotonic() + seconds

    async def one(number):
        rng = random.Random(seed * 1000 + number)
        while time.monotonic() < end:
            try:
                await {"http1": http1, "http2": http2, "websocket": websocket, "tcp": tcp}[kind](told, rng, port, end)
            except Exception as error:  # noqa: BLE001  whatever it was, it is what the run must tell
                told.is_wrong(f"{type(error).__name__}: {error}")
                await asyncio.sleep(0.1)
    await asyncio.gather(*map(one, range({"http1": 6, "http2": 2, "websocket": 3, "tcp": 3}[kind])))
    print(json.dumps({"counts": told.counts, "wrong": told.wrong}), flush=True)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])))
