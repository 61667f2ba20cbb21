"""A connection that stays open: held.py HOST PORT -> prints "open", then asks every 100 ms over the same connection;
prints "ended after S s: why" when the connection ends. Ends by itself after 120 s."""
import socket
import sys
import time

host, port = sys.argv[1], int(sys.argv[2])
begin = time.monotonic()
try:
    connection = socket.create_connection((host, port), timeout=5)
    reader = connection.makefile("rb")
    print("open", flush=True)
    while time.monotonic() - begin < 120:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: held\r\n\r\n")
        status = reader.readline()
        if not status:
            raise OSError("closed by the other side")
        length = 0
        while (line := reader.readline().strip()):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        reader.read(length)
        time.sleep(0.1)
except OSError as error:
    print(f"ended after {time.monotonic() - begin:.2f} s: {error}", flush=True)
