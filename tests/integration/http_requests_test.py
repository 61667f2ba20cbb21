"""Requests under policy on two nodes with real programs: retries, timeouts, routes, headers, faults, rate limits."""
import json
import textwrap
import time
import unittest

import case

FLAKY = textwrap.dedent("""\
    import http.server, socketserver, sys, threading, time
    counts, lock = {}, threading.Lock()
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def answer(self, status, body, **fields):
            self.send_response(status)
            for name, value in fields.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        def do_GET(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            with lock:
                number = counts[self.path] = counts.get(self.path, 0) + 1
            if self.path.startswith("/flaky"):
                good = number % 3 == 0
                return self.answer(200 if good else 503, b"good " + body if good else b"bad")
            if self.path.startswith("/count/"):
                with lock:
                    return self.answer(200, str(counts.get(self.path[6:], 0)).encode())
            if self.path.startswith("/slow"):
                time.sleep(float(self.path.rsplit("/", 1)[1]))
            if self.path.startswith("/headers"):
                return self.answer(200, str(self.headers).encode(), x_from_server="yes")
            if self.path.startswith("/chunked"):
                self.send_response(200)
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                for part in (b"one ", b"two ", b"three"):
                    self.wfile.write(b"%x\\r\\n%s\\r\\n" % (len(part), part))
                    self.wfile.flush()
                    time.sleep(0.02)
                return self.wfile.write(b"0\\r\\n\\r\\n")
            self.answer(200, self.path.encode() + b" " + body)
        do_POST = do_PUT = do_HEAD = do_GET
        def log_message(self, *args):
            pass
    class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
        daemon_threads, allow_reuse_address, request_queue_size = True, True, 128
    Server(("0.0.0.0", 8080), Handler).serve_forever()
    """)

PORT = 8080


def policy(kind, name, spec):
    return f"type: {kind}\nmesh: default\nname: {name}\nspec:\n{textwrap.indent(textwrap.dedent(spec), '  ')}"


def to_api(default):
    return ("targetRef: {kind: Mesh}\nto:\n- targetRef: {kind: MeshService, name: api}\n  default:\n"
            + textwrap.indent(textwrap.dedent(default), "    "))


class Requests(case.TwoNodes):
    lab_name = "http"
    outbounds = ((9080, "api"),)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        server = cls.lab.directory / "server.py"
        server.write_text(FLAKY)
        case.programs.python(cls.lab, cls.lab.netns("api"), "api", server, PORT)

    @classmethod
    def documents(cls):
        if "api" not in cls.address:
            cls.address["api"] = cls.lab.add_workload("b", "api")
        attach = case.netns_attach(cls.lab, "api")
        return "---".join([super().documents(),
                           case.documents.dataplane("api-1", "b", "api", cls.address["api"][:1], attach, [PORT],
                                                    "http"),
                           case.documents.allow("api-clients", "api", cls.clients)])

    def apply(self, kind, name, spec):
        self.a.apply(policy(kind, name, spec))
        self.addCleanup(self.a.sluice, "delete", kind, name)

    def url(self, path):
        return f"http://127.0.0.1:9080{path}"

    def status(self, path, *options, where="client"):
        done = self.curl(where, self.url(path), "-o", "/dev/null", "-w", "%{http_code}", *options)
        return done.stdout

    def line(self, *wanted):
        """The access line of node a that holds all of `wanted`."""
        def find():
            lines = self.a.log.read_text(errors="replace").splitlines()
            return next((line for line in lines if all(w in line for w in wanted)), None)
        return case.wait_for(find, f"an access line with {wanted}")

    def test_retry_makes_a_flaky_backend_steady(self):
        self.assertIn("503", {self.status("/flaky/plain") for _ in range(3)})
        self.apply("MeshRetry", "steady", to_api("""\
            http: {numRetries: 4, retryOn: [5xx], backOff: {baseInterval: 5ms, maxInterval: 20ms}}
            """))
        answers = [self.curl("client", self.url("/flaky/steady?secret=1"), "-d", "a body").stdout for _ in range(9)]
        self.assertEqual(["good a body"] * 9, answers)
        line = self.line("path=/flaky/steady ", "retries=2")
        self.assertIn("status=200", line)
        self.assertIn("method=POST", line)
        self.assertNotIn("secret", self.a.log.read_text())

    def test_retry_speaks_only_of_the_methods_and_statuses_it_names(self):
        self.apply("MeshRetry", "only-get", to_api("""\
            http: {numRetries: 4, retryOn: ["503", HttpMethodGet], backOff: {baseInterval: 5ms, maxInterval: 20ms}}
            """))
        self.assertEqual({"200"}, {self.status("/flaky/get") for _ in range(6)})
        self.assertIn("503", {self.status("/flaky/post", "-d", "x") for _ in range(3)})

    def test_health_checks_tell_the_file_that_the_policy_names(self):
        self.apply("MeshHealthCheck", "watched", to_api("""\
            interval: 200ms
            noTrafficInterval: 200ms
            timeout: 5s
            unhealthyThreshold: 1
            healthyThreshold: 1
            eventLogPath: /var/log/checks.log
            http: {path: /flaky/checks}
            """))
        file = self.a.directory / "health/var/log/checks.log"

        def told(kind):
            lines = file.read_text().splitlines() if file.exists() else []
            return next((event for event in map(json.loads, lines) if kind in event), None)
        ejected = case.wait_for(lambda: told("eject_unhealthy_event"), "the endpoint to be unhealthy")
        self.assertEqual("HTTP", ejected["health_checker_type"])
        self.assertEqual({"failure_type": "ACTIVE"}, ejected["eject_unhealthy_event"])
        self.assertEqual({"protocol": "TCP", "address": self.address["api"][0], "port_value": PORT},
                         ejected["host"]["socket_address"])
        case.wait_for(lambda: told("add_healthy_event"), "the endpoint to be healthy again")
        self.assertEqual(0o600, file.stat().st_mode & 0o777)
        self.assertGreater(self.a.status()["health_events_written"], 1)
        self.assertEqual(0, self.a.status()["health_events_refused"])

    def test_request_timeout_answers_504(self):
        self.assertEqual("200", self.status("/slow/a/0.6"))
        self.apply("MeshTimeout", "short", to_api("http: {requestTimeout: 200ms}"))
        begin = time.monotonic()
        self.assertEqual("504", self.status("/slow/b/3"))
        self.assertLess(time.monotonic() - begin, 1.5)
        self.line("request_timeout", "path=/slow/b/3", "status=504")
        self.assertEqual("200", self.status("/slow/c/0"))

    def test_route_splits_by_weight_and_changes_headers_and_path(self):
        self.apply("MeshHTTPRoute", "routes", """\
            targetRef: {kind: Mesh}
            to:
            - targetRef: {kind: MeshService, name: api}
              rules:
              - matches: [{path: {type: PathPrefix, value: /old}}]
                default:
                  filters:
                  - {type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /headers}}}
                  - type: RequestHeaderModifier
                    requestHeaderModifier: {set: [{name: x-set, value: new}], remove: [x-gone]}
                  - type: ResponseHeaderModifier
                    responseHeaderModifier: {add: [{name: x-answer, value: added}], remove: [x-from-server]}
              - matches: [{path: {type: Exact, value: /moved}}]
                default:
                  filters:
                  - type: RequestRedirect
                    requestRedirect: {hostname: elsewhere.example, statusCode: 302,
                                      path: {type: ReplaceFullPath, replaceFullPath: /there}}
              - matches: [{path: {type: PathPrefix, value: /split}}]
                default:
                  backendRefs:
                  - {kind: MeshService, name: api, weight: 50}
                  - {kind: MeshService, name: web, weight: 50}
            """)
        done = self.curl("client", self.url("/old/x?q=1"), "-i", "-H", "x-set: old", "-H", "X-Gone: 1")
        self.assertIn("x-set: new", done.stdout.lower())
        self.assertNotIn("x-set: old", done.stdout.lower())
        self.assertNotIn("x-gone", done.stdout.lower())
        self.assertIn("x-answer: added", done.stdout.lower())
        self.assertNotIn("x-from-server", done.stdout.lower())
        self.assertIn("x-request-id", done.stdout.lower())
        moved = self.curl("client", self.url("/moved?a=b"), "-i").stdout
        self.assertIn("302", moved.splitlines()[0])
        self.assertIn("location: http://elsewhere.example", moved.lower())
        self.assertIn("/there?a=b", moved)
        bodies = [self.curl("client", self.url("/split")).stdout for _ in range(40)]
        web = sum(case.BODY in body for body in bodies)
        self.assertTrue(5 < web < 35, f"{web} of 40 went to web")

    def test_bodies_and_kept_connections_pass_unharmed(self):
        self.apply("MeshTimeout", "long", to_api("http: {requestTimeout: 20s}"))
        big = self.lab.directory / "big"
        big.write_bytes(b"0123456789abcdef" * 65536)
        done = self.curl("client", self.url("/echo"), "--data-binary", f"@{big}", "-H", "Expect: 100-continue")
        self.assertEqual("/echo " + big.read_text(), done.stdout)
        self.assertEqual("one two three", self.curl("client", self.url("/chunked")).stdout)
        self.assertEqual("200", self.status("/head", "-I"))
        many = self.curl("client", self.url("/many/[1-30]"), "-v")
        self.assertEqual(1, many.stderr.count("Established connection") or many.stderr.count("Connected to"))
        self.assertEqual("".join(f"/many/{n} " for n in range(1, 31)), many.stdout)

    def test_answer_reaches_a_client_that_is_still_sending(self):
        """The server answers without reading a chunked body and resets: the answer counts, not the reset."""
        self.apply("MeshTimeout", "long", to_api("http: {requestTimeout: 20s}"))
        big = self.lab.directory / "upload"
        big.write_bytes(b"0123456789abcdef" * 65536)
        for number in range(5):
            done = self.curl("client", self.url(f"/early/{number}"), "-H", "Transfer-Encoding: chunked", "-H",
                             "Expect:", "--data-binary", f"@{big}", "-w", "%{http_code}")
            self.assertEqual((0, f"/early/{number} 200"), (done.returncode, done.stdout), done.stderr)
        self.assertEqual("200", self.status("/after"))

    def test_refusals_are_answers(self):
        self.apply("MeshTimeout", "long", to_api("http: {requestTimeout: 20s}"))
        smuggled = self.curl("client", self.url("/x"), "-H", "Transfer-Encoding: chunked", "-H", "Content-Length: 3",
                             "-d", "abc", "-o", "/dev/null", "-w", "%{http_code}")
        self.assertEqual("400", smuggled.stdout)


if __name__ == "__main__":
    case.main()
