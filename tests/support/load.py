"""A small load of new connections: load.py SECONDS HOST PORT -> prints "N ok, M failed" and each failure once.

Every connection sends one HTTP request and reads the answer to its end; it is a failure unless the status is 200.
"""
import collections
import socket
import sys
import time


def one(host, port):
    with socket.create_connection((host, port), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        data = b""
        while chunk := connection.recv(65536):
            data += chunk
    if b" 200 " not in data.split(b"\r\n", 1)[0]:
        raise OSError(f"answer {data[:60]!r}")


def main():
    seconds, host, port = float(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    good, failures = 0, collections.Counter()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            one(host, port)
            good += 1
        except OSError as error:
            failures[str(error)] += 1
    print(f"{good} ok, {sum(failures.values())} failed")
    for text, count in failures.items():
        print(f"  {count} x {text}")
    return 1 if failures or not good else 0


if __name__ == "__main__":
    sys.exit(main())
