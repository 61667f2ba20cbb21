#!/usr/bin/env python3
"""A backend with moods, for demonstrations.  usage: backend_app.py PORT NAME LOG
/flaky... fails two times of three, /slow... takes a second, all else answers at once. LOG gets a line a request."""
import http.server
import itertools
import socketserver
import sys
import threading
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    turns, lock = itertools.count(1), threading.Lock()

    def do_GET(self):
        with self.lock, open(sys.argv[3], "a", encoding="utf-8") as log:
            log.write(self.path + "\n")
            good = not self.path.startswith("/flaky") or next(self.turns) % 3 == 0
        if self.path.startswith("/slow"):
            time.sleep(1.0)
        body = f"{sys.argv[2]} {self.path}\n".encode() if good else b"out of sorts\n"
        self.send_response(200 if good else 503)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads, allow_reuse_address, request_queue_size = True, True, 128


Server(("0.0.0.0", int(sys.argv[1])), Handler).serve_forever()
