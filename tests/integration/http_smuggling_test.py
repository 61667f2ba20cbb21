"""What the proxy forwards is read by nginx, HAProxy and Node as the proxy read it: vectors of request smuggling are
sent through it, and the servers tell how many requests they saw. /sN is what a vector N tries to smuggle."""
import json
import re
import textwrap

import case
from case import PYTHON, SUPPORT, TwoNodes, documents, programs

PEER = SUPPORT / "http_peer.py"
SERVERS = {"web": (80, 9081), "node": (8081, 9082), "haproxy": (8082, 9083)}
SMUGGLED = "GET /sN HTTP/1.1\r\nhost: a\r\n\r\n"
SIZE = len(SMUGGLED) + 2  # N becomes a number of three digits
HEX = f"{SIZE:x}"
POST = "POST /vN HTTP/1.1\r\nhost: a\r\n"

# Whole: so many requests are seen, /vN first and then /sN.
GOOD = [
    (2, "GET /vN HTTP/1.1\r\nhost: a\r\n\r\n" + SMUGGLED),
    (2, f"{POST}content-length: 3\r\n\r\nabc" + SMUGGLED),
    (2, f"{POST}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + SMUGGLED),
    (2, f"{POST}transfer-encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nx-t: 1\r\n\r\n" + SMUGGLED),
    (1, f"{POST}content-length: {SIZE}\r\n\r\n" + SMUGGLED),
    (1, f"{POST}transfer-encoding: chunked\r\n\r\n{HEX}\r\n{SMUGGLED}\r\n0\r\n\r\n"),
    (1, f"{POST}transfer-encoding: chunked\r\n\r\n000{HEX};x=\"y\"\r\n{SMUGGLED}\r\n0\r\n\r\n"),
    (1, f"GET /vN HTTP/1.1\r\nhost: a\r\ncontent-length: {SIZE}\r\n\r\n" + SMUGGLED),
]
# Refused with an answer of the proxy's own; the server sees nothing.
BAD = [
    f"{POST}content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    f"{POST}transfer-encoding: chunked\r\ncontent-length: {5 + SIZE}\r\n\r\n0\r\n\r\n" + SMUGGLED,
    f"{POST}content-length: 0\r\ncontent-length: {SIZE}\r\n\r\n" + SMUGGLED,
    f"{POST}content-length: 0, {SIZE}\r\n\r\n" + SMUGGLED,
    f"{POST}content-length: +0\r\n\r\n" + SMUGGLED,
    f"{POST}content-length: -1\r\n\r\n" + SMUGGLED,
    f"{POST}content-length: 0x0\r\n\r\n" + SMUGGLED,
    f"{POST}content-length: 0 0\r\n\r\n" + SMUGGLED,
    f"{POST}content-length:\r\n\r\n" + SMUGGLED,
    f"{POST}content-length: 18446744073709551616\r\n\r\n" + SMUGGLED,
    f"{POST}content-length : {SIZE}\r\n\r\n" + SMUGGLED,
    f"{POST}transfer-encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    f"{POST}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    f"{POST}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SMUGGLED,
    f"{POST}transfer-encoding: identity\r\n\r\n0\r\n\r\n" + SMUGGLED,
    f"{POST}transfer-encoding: chunked\r\ntransfer-encoding: x\r\n\r\n0\r\n\r\n" + SMUGGLED,
    f"{POST}transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    f"{POST}transfer-encoding: \"chunked\"\r\n\r\n0\r\n\r\n" + SMUGGLED,
    f"{POST}x: y\r\n transfer-encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    f"{POST}transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    f"{POST}x: y\rtransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    f"{POST}x: y\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    f"{POST}x: \0y\r\ncontent-length: 0\r\n\r\n" + SMUGGLED,
    f"{POST}\0transfer-encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    f"{POST}connection: content-length\r\ncontent-length: {SIZE}\r\n\r\n" + SMUGGLED,
    f"{POST}connection: transfer-encoding\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "POST /vN HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "POST /vN HTTP/1.2\r\nhost: a\r\ncontent-length: 0\r\n\r\n" + SMUGGLED,
    "POST  /vN HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n" + SMUGGLED,
    "POST /vN HTTP/1.1 HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n" + SMUGGLED,
    "POST /vN HTTP/1.1\r\nhost: a\r\nhost: b\r\ncontent-length: 0\r\n\r\n" + SMUGGLED,
    "POST /vN HTTP/1.1\r\ncontent-length: 0\r\n\r\n" + SMUGGLED,
    "POST /vN\r\n\r\n" + SMUGGLED,
]
# Begun well, then broken: the server sees no second request.
BROKEN = [
    f"{POST}transfer-encoding: chunked\r\n\r\n{chunk}" + SMUGGLED
    for chunk in ("0x0\r\n\r\n", " 0\r\n\r\n", "+0\r\n\r\n", "0\n\n", "0\r\r\n\r\n", "-1\r\n\r\n",
                  "3\r\nabcd\r\n0\r\n\r\n", "3\r\nabc\n0\r\n\r\n", "1\r\nZ0\r\n\r\n", "10000000000000000\r\n",
                  "0\r\ncontent-length: 5\r\n\r\n",
                  "0\r\nx : y\r\n\r\n", "0;\x0bq\r\n\r\n", "\r\n0\r\n\r\n")]

NODE = """\
    require("http").createServer((request, response) => {
      console.log(`saw ${request.url} `);
      request.resume();
      request.on("end", () => response.end("ok"));
    }).listen(8081, "0.0.0.0");
    """
HAPROXY = """\
    global
      log stdout format raw local0
    defaults
      mode http
      timeout client 5s
      timeout server 5s
      timeout connect 5s
    frontend all
      bind 0.0.0.0:8082
      log global
      log-format "saw %HU "
      http-request return status 200 content-type text/plain string ok
    """


def numbered(vectors, first):
    return [vector.replace("/vN", f"/v{n}").replace("/sN", f"/s{n}") for n, vector in enumerate(vectors, first)]


class Smuggling(TwoNodes):
    lab_name = "smuggle"
    clients = ("client",)
    outbounds = tuple((local, service) for service, (_, local) in SERVERS.items())

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.logs = {"web": cls.lab.directory / f"{cls.lab.netns('web')}-nginx" / "access.log"}
        for name, text, command in (("node", NODE, ["node"]), ("haproxy", HAPROXY, ["haproxy", "-db", "-f"])):
            namespace = cls.lab.netns(name)
            directory = programs._directory(cls.lab, namespace, name)
            script = directory / "script"
            script.write_text(textwrap.dedent(text))
            programs._program(cls.lab, namespace, name, [*command, script], SERVERS[name][0])
            cls.logs[name] = directory / "log"
        for service in SERVERS:
            cls.a.apply(f"type: MeshTimeout\nmesh: default\nname: of-{service}\nspec:\n"
                        "  targetRef: {kind: Mesh}\n  to:\n"
                        f"  - targetRef: {{kind: MeshService, name: {service}}}\n"
                        "    default: {http: {requestTimeout: 5s}}\n")

    @classmethod
    def documents(cls):
        parts = [super().documents()]
        for service in ("node", "haproxy"):
            if service not in cls.address:
                cls.address[service] = cls.lab.add_workload("b", service)
            attach = case.netns_attach(cls.lab, service)
            parts.append(documents.dataplane(f"{service}-1", "b", service, cls.address[service][:1], attach,
                                             [SERVERS[service][0]], "http"))
            parts.append(documents.allow(f"{service}-clients", service, cls.clients))
        return "---".join(parts)

    def send(self, service, vectors):
        """The answers to each vector, and which paths the server saw meanwhile."""
        log = self.logs[service]
        before = len(log.read_text(errors="replace"))
        done = self.lab.run("client", "timeout", "60", PYTHON, PEER, "many", "127.0.0.1", SERVERS[service][1],
                            stdin=json.dumps(vectors))
        answers = json.loads(done.stdout)
        self.assertEqual(len(vectors), len(answers))
        return answers, re.findall(r"/[vs]\d+(?= )", log.read_text(errors="replace")[before:])

    def test_good_requests_are_seen_as_they_are(self):
        vectors = numbered([vector for _, vector in GOOD], 100)
        for service in SERVERS:
            with self.subTest(service):
                answers, seen = self.send(service, vectors)
                want = [path for n, (count, _) in enumerate(GOOD, 100) for path in (f"/v{n}", f"/s{n}")[:count]]
                self.assertEqual(sorted(want), sorted(seen))
                for (count, _), answer in zip(GOOD, answers):
                    self.assertEqual(["200"] * count, re.findall(r"HTTP/1.1 (\d+)", answer))

    def test_bad_requests_are_seen_by_nobody(self):
        vectors = numbered(BAD, 200)
        for service in SERVERS:
            with self.subTest(service):
                answers, seen = self.send(service, vectors)
                self.assertEqual([], seen)
                for vector, answer in zip(vectors, answers):
                    self.assertRegex(answer, r"^HTTP/1\.1 (400|501|505) ", vector)
                    self.assertEqual(1, answer.count("HTTP/1.1 "), vector)

    def test_broken_bodies_end_with_their_request(self):
        vectors = numbered(BROKEN, 300)
        for service in SERVERS:
            with self.subTest(service):
                answers, seen = self.send(service, vectors)
                self.assertEqual([], [path for path in seen if path.startswith("/s")])
                for vector, answer in zip(vectors, answers):
                    self.assertLessEqual(answer.count("HTTP/1.1 "), 1, vector)


if __name__ == "__main__":
    case.main()
