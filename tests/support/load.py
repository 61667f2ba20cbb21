"""A small load of new connections, one after the other: load.py SECONDS HOST PORT

Every connection sends one HTTP request and reads the answer to its end; it is a failure unless the status is 200.
Prints "N ok, M failed", the 99th percentile of a connection's whole time, and a line "failed began=B ended=E why" for
each failure, times in seconds of CLOCK_MONOTONIC, so that a connection which was already open when something was killed
can be told from a new one.
"""
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
    failures, times = [], []
    end = time.monotonic() + seconds
    while (begin := time.monotonic()) < end:
        try:
            one(host, port)
            times.append(time.monotonic() - begin)
        except OSError as error:
            failures.append(f"failed began={begin:.6f} ended={time.monotonic():.6f} {error}")
    print(f"{len(times)} ok, {len(failures)} failed")
    times.sort()
    print(f"p99 {times[len(times) * 99 // 100] * 1000:.2f} ms" if times else "p99 none")
    print("\n".join(failures))


if __name__ == "__main__":
    main()
