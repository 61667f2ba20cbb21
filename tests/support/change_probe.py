"""Asks over one kept-alive connection for as long as it lives, and tells when the answers change:

  change_probe.py HOST PORT     "SENT RECEIVED ANSWER" in seconds of CLOCK_MONOTONIC, of each answer unlike the last

ANSWER is the status, the value of x-version or "-", and the first word of the body; "closed" where there was none. A
connection that was ended is opened again for the next request.
"""
import contextlib
import socket
import sys
import time

PAUSE = 0.002


def ask(to):
    """The bytes of one answer, its body whole; raises OSError when there is none."""
    to.sendall(b"GET /probe HTTP/1.1\r\nhost: probe\r\n\r\n")
    got = b""
    while b"\r\n\r\n" not in got or missing(got):
        part = to.recv(65536)
        if not part:
            raise ConnectionError("ended")
        got += part
    return got


def parts(got):
    head, body = got.split(b"\r\n\r\n", 1)
    status, *lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
    return status.split()[1], fields, body


def missing(got):
    _, fields, body = parts(got)
    return len(body) < int(fields.get("content-length", 0))


def word_of(got):
    status, fields, body = parts(got)
    return f"{status} {fields.get('x-version', '-')} {(body.decode('latin-1').split() or ['-'])[0]}"


def main(host, port):
    to, last = None, None
    while True:
        sent = time.monotonic()
        try:
            if to is None:
                to = socket.create_connection((host, port), 5)
            answer = word_of(ask(to))
        except OSError:
            answer = "closed"
        received = time.monotonic()
        if answer == "closed" and to is not None:
            with contextlib.suppress(OSError):
                to.close()
            to = None
        if answer != last:
            print(f"{sent:.6f} {received:.6f} {answer}", flush=True)
            last = answer
        time.sleep(PAUSE)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
