"""Active health checks between two nodes under mTLS: of gRPC with a real grpc++ health service, and of connections."""
import json
import signal

import case
from case import PYTHON, SUPPORT, TwoNodes, documents, wait_for

GRPC, BYTES = 50051, 7000
LOCAL_GRPC, LOCAL_BYTES = 9090, 9091
OK, UNAVAILABLE = 0, 14


def checked(service, checker):
    """With the only endpoint out nothing is left to ask: no panic."""
    return f"""
type: MeshHealthCheck
mesh: default
name: {service}-checks
spec:
  targetRef: {{kind: Mesh}}
  to:
  - targetRef: {{kind: MeshService, name: {service}}}
    default:
      interval: 200ms
      noTrafficInterval: 200ms
      timeout: 5s
      unhealthyThreshold: 2
      healthyThreshold: 2
      healthyPanicThreshold: 0
      eventLogPath: /{service}.log
      {checker}
"""


class HealthChecks(TwoNodes):
    lab_name = "health"
    outbounds = ((LOCAL_GRPC, "echo"), (LOCAL_BYTES, "bytes"))

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.peer = case.BINARIES.parent / "tests" / "grpc_peer"
        cls.server = cls.lab.start("echo", "grpc-server", cls.peer, "server", GRPC)
        cls.listener = cls.listen()
        wait_for(lambda: cls.listening("echo", GRPC), "the gRPC server")

    @classmethod
    def documents(cls):
        parts = [super().documents()]
        for service, port, protocol in (("echo", GRPC, "grpc"), ("bytes", BYTES, "tcp")):
            if service not in cls.address:
                cls.address[service] = cls.lab.add_workload("b", service)
            parts.append(documents.dataplane(f"{service}-1", "b", service, cls.address[service][:1],
                                             case.netns_attach(cls.lab, service), [port], protocol))
            parts.append(documents.allow(f"{service}-clients", service, cls.clients))
        return "---".join(parts)

    @classmethod
    def listening(cls, where, port):
        return cls.lab.run(where, "ss", "-Hltn", f"sport = :{port}").stdout.strip() != ""

    @classmethod
    def listen(cls):
        child = cls.lab.start("bytes", "listener", PYTHON, SUPPORT / "echo_server.py", BYTES)
        wait_for(lambda: cls.listening("bytes", BYTES), "the listener")
        return child

    def wait(self, condition, what):
        try:
            return wait_for(condition, what)
        except case.LabError as error:
            raise AssertionError(f"{error}\nnode a: {self.a.tail()}\nnode b: {self.b.tail()}") from None

    def check(self, service, checker):
        self.a.apply(checked(service, checker))
        self.addCleanup(self.a.sluice, "delete", "MeshHealthCheck", f"{service}-checks")

    def wait_told(self, service, kind, checker):
        """The file that the policy names has an event of this kind; it is about the endpoint."""
        file = self.a.directory / f"health/{service}.log"

        def told():
            lines = file.read_text().splitlines() if file.exists() else []
            return next((event for event in map(json.loads, lines) if kind in event), None)
        event = self.wait(told, f"{kind} of {service}")
        self.assertEqual(checker, event["health_checker_type"])
        self.assertEqual(self.address[service][0], event["host"]["socket_address"]["address"])
        return event[kind]

    def metric(self, name):
        lines = self.a.sluice("metrics").stdout.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    def refused(self, service):
        """Access lines of node a that say that no endpoint of the service was healthy."""
        lines = self.a.log.read_text(errors="replace").splitlines()
        return sum("no_healthy_endpoint" in line and f"service={service} " in line for line in lines)

    def call(self):
        done = self.lab.run("client", "timeout", "20", self.peer, "client", f"127.0.0.1:{LOCAL_GRPC}", "unary")
        return int(dict(line.split("=", 1) for line in done.stdout.splitlines())["code"])

    def echoed(self):
        """Whether a connection to the other service reaches an application."""
        ask = (f"import socket; s = socket.create_connection(('127.0.0.1', {LOCAL_BYTES}), 10); s.settimeout(10);"
               "s.sendall(b'hello'); print(s.recv(5).decode())")
        done = self.lab.run("client", PYTHON, "-c", ask, check=False)
        return done.stdout == "hello\n"

    def test_a_grpc_service_that_says_not_serving_is_out_until_it_says_serving(self):
        self.check("echo", "grpc: {serviceName: sluice.test.Echo}")
        self.wait_told("echo", "add_healthy_event", "GRPC")
        self.assertEqual(OK, self.call())
        self.assertEqual(0, self.refused("echo"))

        # The application would answer all the while: it is the check that takes it out.
        self.server.send_signal(signal.SIGUSR1)
        self.assertEqual({"failure_type": "ACTIVE"}, self.wait_told("echo", "eject_unhealthy_event", "GRPC"))
        self.wait(lambda: self.call() == UNAVAILABLE, "calls to be refused")
        self.wait(lambda: self.refused("echo"), "an access line that says why")
        self.assertGreater(self.metric("sluice_health_probes_failed_total"), 0)

        self.server.send_signal(signal.SIGUSR2)
        self.wait(lambda: self.call() == OK, "the service to be back")

    def test_a_listener_that_goes_away_is_out_until_it_is_back(self):
        self.check("bytes", "tcp: {disabled: false}")
        self.wait_told("bytes", "add_healthy_event", "TCP")
        self.assertTrue(self.echoed(), self.a.tail())
        self.assertEqual(0, self.refused("bytes"))

        self.lab.processes.end(self.listener)
        self.assertEqual({"failure_type": "NETWORK"}, self.wait_told("bytes", "eject_unhealthy_event", "TCP"))
        self.assertFalse(self.echoed())
        self.wait(lambda: self.refused("bytes"), "an access line that says why")

        type(self).listener = self.listen()
        self.wait(self.echoed, "the listener to be back")


if __name__ == "__main__":
    case.main()
