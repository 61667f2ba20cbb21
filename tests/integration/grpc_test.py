"""gRPC between two nodes under mTLS with a real grpc++ client and server: all four kinds of calls, statuses in trailers
and in trailers alone, deadlines, cancellation, retries, refusals."""
import textwrap
import threading
import time

import case
from case import TwoNodes, documents, wait_for

PORT = 50051
LOCAL = 9090
OK, CANCELLED, DEADLINE, PERMISSION, RESOURCES, UNAVAILABLE = 0, 1, 4, 7, 8, 14
MESSAGE = "told to fail: 100% ü"


def to_echo(kind, name, default):
    return (f"type: {kind}\nmesh: default\nname: {name}\nspec:\n  targetRef: {{kind: Mesh}}\n  to:\n"
            f"  - targetRef: {{kind: MeshService, name: echo}}\n    default:\n"
            + textwrap.indent(textwrap.dedent(default), "      "))


class Grpc(TwoNodes):
    lab_name = "grpc"
    outbounds = ((LOCAL, "echo"),)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.peer = case.BINARIES.parent / "tests" / "grpc_peer"
        cls.server = cls.lab.start("echo", "grpc-server", cls.peer, "server", PORT)
        cls.server_log = cls.lab.directory / "grpc-server.log"
        wait_for(lambda: str(PORT) in cls.lab.run("echo", "ss", "-Hltn").stdout, "the gRPC server")
        # Requests are read one by one from here on, on both nodes.
        for node in (cls.a, cls.b):
            node.apply(to_echo("MeshTimeout", "echo-timeout", "http: {requestTimeout: 10s}\n"))

    @classmethod
    def documents(cls):
        if "echo" not in cls.address:
            cls.address["echo"] = cls.lab.add_workload("b", "echo")
        attach = case.netns_attach(cls.lab, "echo")
        return "---".join([super().documents(),
                           documents.dataplane("echo-1", "b", "echo", cls.address["echo"][:1], attach, [PORT], "grpc"),
                           documents.allow("echo-clients", "echo", ["client"])])

    def apply(self, kind, name, default):
        self.a.apply(to_echo(kind, name, default))
        self.addCleanup(self.a.sluice, "delete", kind, name)

    def call(self, method, where="client", **options):
        words = [f"{name}={value}" for name, value in options.items()]
        done = self.lab.run(where, "timeout", "20", self.peer, "client", f"127.0.0.1:{LOCAL}", method, *words)
        told = dict(line.split("=", 1) for line in done.stdout.splitlines())
        return {name: int(value) if value.lstrip("-").isdigit() else value for name, value in told.items()}

    def line(self, node, *wanted):
        def find():
            lines = node.log.read_text(errors="replace").splitlines()
            return next((line for line in lines if all(w in line for w in wanted)), None)
        return wait_for(find, f"an access line with {wanted}")

    def test_unary_call_and_its_trailers(self):
        told = self.call("unary", text="plain", payload=200_000, size=300_000)
        self.assertEqual((OK, 1, 200_000, 300_000, "of plain"),
                         (told["code"], told["replies"], told["asked"], told["bytes"], told["trailer"]), told)
        self.line(self.a, "path=/sluice.test.Echo/Unary", "status=200", "completed")

    def test_status_comes_in_trailers_alone(self):
        told = self.call("unary", text="alone", code=PERMISSION)
        self.assertEqual((PERMISSION, MESSAGE, "of alone"), (told["code"], told["message"], told["trailer"]))

    def test_status_comes_in_trailers_behind_messages(self):
        told = self.call("down", text="behind", code=RESOURCES, count=5, size=10)
        self.assertEqual((RESOURCES, MESSAGE, 5, "of behind"),
                         (told["code"], told["message"], told["replies"], told["trailer"]))

    def test_server_stream_is_not_held_back(self):
        told = self.call("down", text="paced", count=5, wait_ms=150, size=10)
        self.assertEqual((OK, 5), (told["code"], told["replies"]))
        self.assertLess(told["first_ms"], 500)
        self.assertGreaterEqual(told["took_ms"], 750)

    def test_streams_of_megabytes(self):
        told = self.call("down", text="down", count=40, size=500_000)
        self.assertEqual((OK, 40, 20_000_000), (told["code"], told["replies"], told["bytes"]))
        told = self.call("up", text="up", count=40, payload=500_000)
        self.assertEqual((OK, 20_000_000), (told["code"], told["asked"]))

    def test_both_ways_one_message_at_a_time(self):
        told = self.call("both", text="both", count=50, payload=1000, size=1000)
        self.assertEqual((OK, 50, 50_000), (told["code"], told["replies"], told["bytes"]))

    def test_clients_deadline_ends_the_call_at_the_server_too(self):
        told = self.call("unary", text="deadline", wait_ms=5000, deadline_ms=300)
        self.assertEqual(DEADLINE, told["code"])
        self.assertLess(told["took_ms"], 1500)
        wait_for(lambda: "cancelled deadline\n" in self.server_log.read_text(), "the server to be told")

    def test_server_learns_the_deadline_that_holds(self):
        # gRPC's client rounds what is left up to steps of 10 ms (of a ms-clock that it has rounded up before).
        told = self.call("unary", text="long", deadline_ms=8000)
        self.assertEqual(OK, told["code"])
        self.assertTrue(7000 < told["left_ms"] <= 8010, told)
        self.apply("MeshTimeout", "a-shorter", "http: {requestTimeout: 2s}\n")
        told = self.call("unary", text="short", deadline_ms=8000)
        self.assertEqual(OK, told["code"])
        self.assertTrue(500 < told["left_ms"] <= 2000, told)

    def test_timeout_of_policy_is_a_deadline_to_the_client(self):
        self.apply("MeshTimeout", "a-short", "http: {requestTimeout: 300ms}\n")
        told = self.call("unary", text="policy-timeout", wait_ms=5000)
        self.assertEqual((DEADLINE, "request timeout"), (told["code"], told["message"]))
        self.assertLess(told["took_ms"], 1500)
        wait_for(lambda: "cancelled policy-timeout\n" in self.server_log.read_text(), "the server to be told")

    def test_cancelled_calls_end_at_the_server(self):
        for method in ("unary", "down", "both"):
            told = self.call(method, text=f"given-up-{method}", wait_ms=2000, count=10, cancel_ms=300)
            self.assertEqual(CANCELLED, told["code"], told)
            wait_for(lambda: f"cancelled given-up-{method}\n" in self.server_log.read_text(), method)
        self.assertEqual(OK, self.call("unary", text="after")["code"])

    def test_unavailable_is_tried_again(self):
        told = self.call("unary", text="untried", code=UNAVAILABLE, fail_first=2)
        self.assertEqual(UNAVAILABLE, told["code"])
        self.apply("MeshRetry", "again", """\
            grpc: {numRetries: 3, retryOn: [Unavailable], backOff: {baseInterval: 5ms, maxInterval: 20ms}}
            """)
        told = self.call("unary", text="tried", code=UNAVAILABLE, fail_first=2, payload=1000)
        self.assertEqual((OK, 3, 1000), (told["code"], told["attempt"], told["asked"]))
        self.line(self.a, "retries=2", "path=/sluice.test.Echo/Unary")
        told = self.call("unary", text="too-often", code=UNAVAILABLE, fail_first=9)
        self.assertEqual((UNAVAILABLE, MESSAGE), (told["code"], told["message"]))
        told = self.call("unary", text="other", code=RESOURCES, fail_first=2)
        self.assertEqual(RESOURCES, told["code"], "a status that the policy does not name was tried again")

    def test_what_has_been_answered_is_not_tried_again(self):
        self.apply("MeshRetry", "again", "grpc: {numRetries: 3, retryOn: [Unavailable]}\n")
        told = self.call("down", text="answered", code=UNAVAILABLE, count=2, size=10)
        self.assertEqual((UNAVAILABLE, 2), (told["code"], told["replies"]))
        self.assertEqual(2, self.call("unary", text="answered")["attempt"])

    def test_refusals_have_a_status_of_grpc(self):
        told = self.call("unary", where="neighbour", text="stranger")
        self.assertIn(told["code"], (PERMISSION, UNAVAILABLE), told)
        self.assertNotIn("stranger", told["text"])

    def test_a_server_that_is_away_is_unavailable_and_comes_back(self):
        """It listens again although a tunnel of the mesh leads to its port all the while."""
        self.lab.processes.end(self.server)
        told = self.call("unary", text="away")
        self.assertEqual(UNAVAILABLE, told["code"], told)
        type(self).server = self.lab.start("echo", "grpc-server", self.peer, "server", PORT)
        wait_for(lambda: self.call("unary", text="back")["code"] == OK, "the server to be back")

    def test_many_calls_at_once(self):
        told = []
        def some(number):
            for turn in range(5):
                told.append((number, turn, self.call("unary", text=f"{number}-{turn}", wait_ms=20, size=5000)))
        threads = [threading.Thread(target=some, args=(number,)) for number in range(6)]
        begin = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(30, len(told), f"{time.monotonic() - begin:.1f} s")
        for number, turn, one in told:
            self.assertEqual((OK, f"{number}-{turn}", 5000), (one["code"], one["text"], one["bytes"]))


if __name__ == "__main__":
    case.main()
