"""Servers of the mixed load: mixed_server.py http1|http2|tcp PORT. Every answer of HTTP carries its request's x-id.

/echo gives the body back, /big 200 KB made of the id, /flaky fails half of the time, /slow takes 60 ms, /cut breaks off
in the middle of its body (HTTP/1.1 only), everything else answers with its target.
"""
import asyncio
import random
import sys

import http_peer

BIG = 200_000


def big_of(ident):
    return (ident * (BIG // len(ident) + 1))[:BIG].encode()


def answer(_, path, fields, body, trailers):
    ident, target, path = dict(fields).get("x-id", "none"), path, path.split("?")[0]
    out = {"x-id": ident}
    if path == "/echo":
        return 200, out, body, {}
    if path == "/big":
        return 200, out, big_of(ident), {}
    if path == "/flaky" and random.random() < 0.5:
        return 503, out, b"out of sorts", {}
    if path == "/trailers":
        return 200, out, target.encode(), {"x-sum": ident}
    return 200, out, target.encode(), {}


async def request_of(reader):
    """(path, fields, body) of the next request"""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    fields = {n.lower(): v.strip() for n, v in (line.split(":", 1) for line in lines)}
    if "chunked" in fields.get("transfer-encoding", ""):
        body, _ = await http_peer.read_chunks(reader)
    else:
        body = await reader.readexactly(int(fields.get("content-length", 0)))
    return first.split(" ")[1], fields, body


async def http1(reader, writer):
    try:
        while True:
            path, fields, body = await request_of(reader)
            if path.startswith("/slow"):
                await asyncio.sleep(0.06)
            status, out, body, trailers = answer("", path, fields.items(), body, {})
            head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{k}: {v}\r\n" for k, v in out.items())
            if path.startswith("/cut"):
                writer.write(f"{head}content-length: 1000\r\n\r\nonly this".encode())
                break
            if trailers or random.random() < 0.2:
                tail = "".join(f"{k}: {v}\r\n" for k, v in trailers.items())
                body = (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + b"0\r\n" + tail.encode() + b"\r\n"
                head += "transfer-encoding: chunked\r\n"
            else:
                head += f"content-length: {len(body)}\r\n"
            last = random.random() < 0.01
            writer.write(head.encode() + (b"connection: close\r\n\r\n" if last else b"\r\n") + body)
            await writer.drain()
            if last:
                break
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


async def tcp(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


async def serve(kind, port):
    if kind == "http2":
        http_peer.answer = answer
        server = await asyncio.get_running_loop().create_server(http_peer.Serve2, "0.0.0.0", port)
    else:
        server = await asyncio.start_server({"http1": http1, "tcp": tcp}[kind], "0.0.0.0", port, limit=1 << 20)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
