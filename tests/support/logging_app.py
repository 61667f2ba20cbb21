#!/usr/bin/env python3
"""An HTTP server that logs its requests whole, as a Java service with Log4j would.  usage: logging_app.py PORT LOG"""
import http.server
import socketserver
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        with open(sys.argv[2], "ab") as log:
            log.write(self.requestline.encode() + b"\n" + str(self.headers).encode() + body + b"\n")
        answer = self.path.encode() + b" " + body + b"\n"
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_PUT = do_GET

    def log_message(self, *args):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads, allow_reuse_address, request_queue_size = True, True, 128


Server(("0.0.0.0", int(sys.argv[1])), Handler).serve_forever()
