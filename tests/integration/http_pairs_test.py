"""HTTP/1.1 and HTTP/2 on either side of two nodes under mTLS, all four pairs, with curl, nghttp and h2load: bodies both
ways, trailers, answers without a body, Expect, pipelining, WebSocket, CONNECT."""
import hashlib
import re
import textwrap

import case
from case import PYTHON, SUPPORT, TwoNodes, documents, programs

PEER = SUPPORT / "http_peer.py"
# service -> (protocol it declares, how its program is started, port, local port of the client)
SERVERS = {"one": ("http", "http1", 8080, 9081), "two": ("http2", "http2", 8081, 9082),
           "chat": ("http", "websocket", 8082, 9083)}
CLIENTS = {"one": "--http1.1", "two": "--http2-prior-knowledge"}
PAIRS = [(client, server) for client in ("one", "two") for server in ("one", "two")]

TIMEOUTS = "---".join(textwrap.dedent(f"""
    type: MeshTimeout
    mesh: default
    name: of-{service}
    spec:
      targetRef: {{kind: Mesh}}
      to:
      - targetRef: {{kind: MeshService, name: {service}}}
        default: {{http: {{requestTimeout: 20s}}}}
    ---
    type: MeshTimeout
    mesh: default
    name: at-{service}
    spec:
      targetRef: {{kind: MeshService, name: {service}}}
      from:
      - targetRef: {{kind: Mesh}}
        default: {{http: {{requestTimeout: 20s}}}}
    """) for service in SERVERS)


class Pairs(TwoNodes):
    lab_name = "pairs"
    clients = ("client",)
    outbounds = tuple((local, service) for service, (_, _, _, local) in SERVERS.items())

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for service, (_, kind, port, _) in SERVERS.items():
            namespace = cls.lab.netns(service)
            programs._directory(cls.lab, namespace, service)
            programs._program(cls.lab, namespace, service, [PYTHON, PEER, "serve", kind, port], port)
        cls.big = cls.lab.directory / "big"
        cls.big.write_bytes(b"0123456789abcdef" * 65536)

    @classmethod
    def documents(cls):
        parts = [super().documents(), TIMEOUTS]
        for service, (protocol, _, port, _) in SERVERS.items():
            if service not in cls.address:
                cls.address[service] = cls.lab.add_workload("b", service)
            attach = case.netns_attach(cls.lab, service)
            parts.append(documents.dataplane(f"{service}-1", "b", service, cls.address[service][:1], attach, [port],
                                             protocol))
            parts.append(documents.allow(f"{service}-clients", service, cls.clients))
        return "---".join(parts)

    def each(self, check):
        """Calls check(option of curl, where the server is) for every pair, as a subtest."""
        for client, server in PAIRS:
            with self.subTest(client=client, server=server):
                check(CLIENTS[client], f"http://127.0.0.1:{SERVERS[server][3]}")

    def ask(self, version, url, *options):
        done = self.curl("client", url, version, *options)
        self.assertEqual(0, done.returncode, done.stderr + self.a.tail() + self.b.tail())
        return done.stdout

    def say(self, service, text):
        return self.lab.run("client", "timeout", "20", PYTHON, PEER, "say", "127.0.0.1", SERVERS[service][3],
                            stdin=text).stdout

    def line(self, node, *wanted):
        def find():
            lines = node.log.read_text(errors="replace").splitlines()
            return next((line for line in lines if all(w in line for w in wanted)), None)
        return case.wait_for(find, f"an access line with {wanted}")

    def test_both_nodes_read_the_requests(self):
        def check(version, where):
            path = f"/seen{version}/{where[-4:]}"
            self.assertEqual(path, self.ask(version, where + path))
            for node, way in ((self.a, "outbound"), (self.b, "inbound")):
                self.line(node, way, "completed", f"path={path} ", "status=200")
        self.each(check)

    def test_bodies_go_both_ways(self):
        want = hashlib.sha256(self.big.read_bytes()).hexdigest()
        def check(version, where):
            for framing in ((), ("-H", "Transfer-Encoding: chunked"), ("-H", "Expect: 100-continue")):
                if "chunked" in "".join(framing) and "2" in version:
                    continue  # HTTP/2 has no such field
                got = self.ask(version, f"{where}/echo", "--data-binary", f"@{self.big}", *framing)
                self.assertEqual(want, hashlib.sha256(got.encode()).hexdigest(), framing)
            self.assertEqual(1 << 20, len(self.ask(version, f"{where}/big")))
            self.assertEqual("", self.ask(version, f"{where}/echo", "-X", "POST", "-d", ""))
        self.each(check)

    def test_trailers_of_the_answer(self):
        def check(version, where):
            got = self.ask(version, f"{where}/trailers", "-i").lower()
            self.assertIn("x-sum: 13", got)
            self.assertIn("x-more: yes", got)
        self.each(check)

    def test_trailers_of_the_request(self):
        chunked = ("POST /told HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
                   "3\r\nabc\r\n0\r\nx-sum: 3\r\n\r\n")
        for server in ("one", "two"):
            with self.subTest(client="one", server=server):
                self.assertIn("x-sum=3", self.say(server, chunked))
            with self.subTest(client="two", server=server):
                done = self.lab.run("client", "timeout", "20", "nghttp", "--no-content-length", "-d", self.big,
                                    "--trailer", "x-sum: 4",
                                    f"http://127.0.0.1:{SERVERS[server][3]}/told")
                self.assertEqual("x-sum=4", done.stdout)

    def test_answers_without_a_body_leave_the_connection_whole(self):
        paths = ("/204", "/304", "/plain", "/more")

        def check(version, where):
            got = self.ask(version, f"{where}/length", "-I").lower()
            self.assertIn("content-length: 7", got)
            if version == CLIENTS["two"]:  # curl 7.88 cannot reuse such a connection with any server
                done = self.lab.run("client", "timeout", "20", "nghttp", "-s", *(where + p for p in paths))
                statuses = re.findall(r"\d[mu]?s +(\d{3}) ", done.stdout)
                self.assertEqual(["204", "304", "200", "200"], statuses, done.stdout)
                return
            *urls, last = [f"{where}{path}" for path in (*paths, "/204", "/last")]
            got = self.ask(version, last, "-w", "[%{http_code} %{num_connects}]", *urls)
            self.assertEqual("[204 1][304 0]/plain[200 0]/more[200 0][204 0]/last[200 0]", got)
        self.each(check)

    def test_refusal_before_the_body_reaches_the_client(self):
        def check(version, where):
            if version == CLIENTS["two"]:
                done = self.lab.run("client", "timeout", "20", "nghttp", "-d", self.big, f"{where}/refuse")
                self.assertEqual("not wanted", done.stdout)
            for expect in ("Expect: 100-continue", "Expect:"):  # the second begins to send at once
                got = self.ask(version, f"{where}/refuse", "--data-binary", f"@{self.big}", "-H", expect,
                               "-w", " %{http_code}")
                self.assertEqual("not wanted 403", got)
        self.each(check)

    def test_pipelined_requests_are_answered_in_order(self):
        for server in ("one", "two"):
            with self.subTest(server=server):
                requests = "".join(f"POST /p{n} HTTP/1.1\r\nhost: a\r\ncontent-length: {n}\r\n\r\n{'b' * n}"
                                   for n in range(30))
                got = self.say(server, requests + "GET /end HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
                self.assertEqual([f"/p{n}" for n in range(30)] + ["/end"], re.findall(r"\n\n(/p\d+|/end)", got), got)

    def test_hop_by_hop_fields_stay_behind(self):
        def check(version, where):
            hops = ("-H", "Connection: x-hop, keep-alive", "-H", "X-Hop: 1", "-H", "TE: gzip")
            extra = () if "2" in version else hops
            got = self.ask(version, f"{where}/fields", *extra, "-H", "X-End: 2", "-H", "Cookie: a=b; c=d").lower()
            self.assertIn("x-end: 2", got)
            self.assertIn("cookie: a=b; c=d", got)
            for hop in ("x-hop", "keep-alive", "te: gzip", "upgrade"):
                self.assertNotIn(hop, got)
        self.each(check)

    def test_websocket(self):
        done = self.lab.run("client", "timeout", "20", PYTHON, PEER, "websocket",
                            f"ws://127.0.0.1:{SERVERS['chat'][3]}/room", 40, check=False)
        self.assertEqual("all came back", done.stdout.strip(), done.stderr[-500:] + self.a.tail() + self.b.tail())
        self.line(self.a, "path=/room", "status=101")

    def test_upgrade_to_a_server_that_speaks_http2_is_an_ordinary_request(self):
        got = self.say("two", "GET /fields HTTP/1.1\r\nhost: a\r\nconnection: upgrade, close\r\n"
                              "upgrade: websocket\r\n\r\n")
        self.assertTrue(got.startswith("HTTP/1.1 200"), got)
        self.assertNotIn("websocket", got)

    def test_connect(self):
        for server in ("one", "two"):
            with self.subTest(client="one", server=server):
                got = self.say(server, "CONNECT somewhere:7 HTTP/1.1\r\nhost: somewhere:7\r\n\r\nthrough the tunnel")
                self.assertTrue(got.startswith("HTTP/1.1 200"), got)
                self.assertTrue(got.endswith("\n\nTHROUGH THE TUNNEL"), got)
            with self.subTest(client="two", server=server):
                got = self.lab.run("client", "timeout", "20", PYTHON, PEER, "connect2", "127.0.0.1", SERVERS[server][3],
                                   "through the tunnel").stdout
                self.assertEqual("200\nTHROUGH THE TUNNEL\n", got)

    def test_nghttp_fetches_many_over_one_connection(self):
        for server in ("one", "two"):
            with self.subTest(server=server):
                where = f"http://127.0.0.1:{SERVERS[server][3]}"
                done = self.lab.run("client", "timeout", "20", "nghttp", "-s", "-n", "-m", "20", f"{where}/big")
                self.assertEqual(20, len(re.findall(r" 200 +1M /big", done.stdout)), done.stdout)

    def test_h2load(self):
        for client, server in PAIRS:
            with self.subTest(client=client, server=server):
                version = ("--h1", "-m", "1") if client == "one" else ("-m", "20")
                for path in ("/small", "/echo"):
                    data = ("-d", self.lab.directory / "piece") if path == "/echo" else ()
                    (self.lab.directory / "piece").write_bytes(b"p" * 20_000)
                    done = self.lab.run("client", "timeout", "60", "h2load", "-n", "600", "-c", "6", *version, *data,
                                        f"http://127.0.0.1:{SERVERS[server][3]}{path}")
                    self.assertIn("600 total, 600 started, 600 done, 600 succeeded, 0 failed, 0 errored, 0 timeout",
                                  done.stdout)
                    self.assertIn("600 2xx", done.stdout)


if __name__ == "__main__":
    case.main()
