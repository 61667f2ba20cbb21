"""A connection that stays open and speaks no protocol: echo_client.py HOST PORT -> prints "open", then sends a line
every 50 ms and waits for the same line back. Prints "ended after S s, N lines: why" when it ends; SIGTERM closes it."""
import signal
import socket
import sys
import time

host, port = sys.argv[1], int(sys.argv[2])
stopping = []
signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
begin, lines = time.monotonic(), 0
try:
    with socket.create_connection((host, port), timeout=5) as connection:
        reader = connection.makefile("rb")
        while not stopping:
            line = f"line {lines}\n".encode()
            connection.sendall(line)
            if reader.readline() != line:
                raise OSError("closed by the other side or not what was sent")
            lines += 1
            if lines == 1:
                print("open", flush=True)
            time.sleep(0.05)
        print(f"closed after {time.monotonic() - begin:.2f} s, {lines} lines", flush=True)
except OSError as error:
    print(f"ended after {time.monotonic() - begin:.2f} s, {lines} lines: {error}", flush=True)
