"""The step mixed of scripts/soak: every kind of load at once for so many seconds, between two nodes and on one.

HTTP/1.1 and HTTP/2 in all pairs, gRPC, WebSocket and bare TCP, by clients that check whose answer each is and leave in
the middle now and then; faults are injected, requests are limited, retried, timed out and broken off; policies change
every other second and certificates every few. It fails on whatever a client calls wrong, on a sanitizer's report, on
the death of a process, and on memory or descriptors that grow after the first quarter.
"""
import collections
import json
import os
import pathlib
import statistics
import subprocess
import textwrap
import time

import case
from case import PYTHON, SUPPORT, TwoNodes, documents, net, netns_attach, programs
from lab import LabError
from lab.instance import Descriptors
from lab.process import sanitizer_report
from soak_load import memory_mb

LOG_MAX = 64 << 20
# service: (node, protocol it declares, kind of its program, port, the clients' local port)
SERVERS = {"one": ("b", "http", "http1", 8080, 9081), "two": ("b", "http2", "http2", 8081, 9082),
           "near": ("a", "http", "http1", 8080, 9083), "chat": ("b", "http", "websocket", 8082, 9084),
           "raw": ("b", "tcp", "tcp", 8083, 9085), "rpc": ("b", "grpc", "grpc", 8084, 9086)}
# (kind of client, service)
LOADS = (("http1", "one"), ("http1", "two"), ("http1", "near"), ("http2", "one"), ("http2", "two"), ("http2", "near"),
         ("websocket", "chat"), ("tcp", "raw"), ("grpc", "rpc"))
TUNNELS = 5 * 2 * 4  # servers, workers, and generations of certificates in the minute after which a tunnel idles out
GROWN_SHARE, GROWN_MB, GROWN_DESCRIPTORS = 1.10, 6, 40


def to(kind, service, default, name=None):
    return (f"type: {kind}\nmesh: default\nname: {name or f'mixed-{service}'}\nspec:\n  targetRef: {{kind: Mesh}}\n"
            f"  to:\n  - targetRef: {{kind: MeshService, name: {service}}}\n    default:\n"
            + textwrap.indent(textwrap.dedent(default), "      "))


def at(kind, service, default):
    return (f"type: {kind}\nmesh: default\nname: mixed-{service}\nspec:\n"
            f"  targetRef: {{kind: MeshSubset, proxyTypes: [Sidecar], tags: {{kuma.io/service: {service}}}}}\n"
            f"  from:\n  - targetRef: {{kind: Mesh}}\n    default:\n"
            + textwrap.indent(textwrap.dedent(default), "      "))


def route(service, version):
    return (f"type: MeshHTTPRoute\nmesh: default\nname: mixed-{service}\nspec:\n  targetRef: {{kind: Mesh}}\n  to:\n"
            f"  - targetRef: {{kind: MeshService, name: {service}}}\n    rules:\n"
            f"    - matches: [{{path: {{type: PathPrefix, value: /}}}}]\n      default:\n        filters:\n"
            f"        - {{type: ResponseHeaderModifier, responseHeaderModifier: {{set: [{{name: x-version, value: "
            f"\"{version}\"}}]}}}}\n")


def faults(service, abort, delay, slow):
    return at("MeshFaultInjection", service, f"""\
        http:
        - abort: {{httpStatus: 418, percentage: {abort}}}
        - delay: {{value: 700ms, percentage: {delay}}}
        - responseBandwidth: {{limit: 20Mbps, percentage: {slow}}}
        """)


def limit(service, number):
    return at("MeshRateLimit", service,
              f"local: {{http: {{requestRate: {{num: {number}, interval: 1s}}, onRateLimit: {{status: 429}}}}}}\n")


def timeout(service, milliseconds):
    return to("MeshTimeout", service, f"{IDLE}http: {{requestTimeout: {milliseconds}ms}}\n")


def breaker(service, failures):
    return to("MeshCircuitBreaker", service, f"""\
        connectionLimits: {{maxConnections: 200, maxPendingRequests: 200, maxRequests: 400, maxRetries: 50}}
        outlierDetection:
          interval: 1s
          baseEjectionTime: 1s
          maxEjectionPercent: 50
          detectors: {{totalFailures: {{consecutive: {failures}}}, gatewayFailures: {{consecutive: {failures + 3}}}}}
        """)


def retry(service):
    return to("MeshRetry", service, """\
        http: {numRetries: 2, retryOn: [5xx, ConnectFailure, Reset], backOff: {baseInterval: 5ms, maxInterval: 50ms}}
        """)


GRPC_RETRY = to("MeshRetry", "rpc", """\
    grpc: {numRetries: 3, retryOn: [Unavailable], backOff: {baseInterval: 5ms, maxInterval: 50ms}}
    """)
IDLE_S = 10  # so long are connections kept for further requests
IDLE = f"idleTimeout: {IDLE_S}s\n"
ANSWERING = ("one", "two", "near")  # requests of these are meddled with


def first_policies():
    parts = [GRPC_RETRY, *(route(s, 0) for s in ("chat", "rpc")),
             *(to("MeshTimeout", s, IDLE) for s in ("chat", "raw")),
             to("MeshTimeout", "rpc", f"{IDLE}http: {{requestTimeout: 0s}}\n"),  # its streams take what they take
             *(at("MeshTimeout", s, IDLE).replace("name: mixed", "name: mixed-at") for s in SERVERS)]
    for service in ANSWERING:
        parts += [timeout(service, 2000), retry(service), breaker(service, 5), faults(service, 3, 3, 2),
                  limit(service, 5000), route(service, 0)]
    return "\n" + "---\n".join(parts)


def changes():
    """Yields the documents of one change after the other."""
    for number in range(1, 1 << 30):
        service = ANSWERING[number // 5 % 3]
        yield (route(service, number), faults(service, number % 7, number % 5, number % 3),
               limit(service, 5000 if number % 2 else 150), timeout(service, 500 if number % 2 else 2000),
               breaker(service, 2 + number % 5))[number % 5]


class MixedNodes(TwoNodes):
    lab_name = "mixed"
    clients = ("client", "neighbour")
    settings = {"identity.svid_lifetime": "20s"}
    outbounds = tuple((local, service) for service, (*_, local) in SERVERS.items())

    @classmethod
    def documents(cls):
        parts = [super().documents(), first_policies()]
        for service, (node, protocol, _, port, _) in SERVERS.items():
            if service not in cls.address:
                cls.address[service] = cls.lab.add_workload(node, service)
            parts.append(documents.dataplane(f"{service}-1", node, service, cls.address[service][:1],
                                             netns_attach(cls.lab, service), [port], protocol))
            parts.append(documents.allow(f"{service}-clients", service, cls.clients))
        return "---".join(parts)

    @classmethod
    def setUpClass(cls):
        os.environ.setdefault("ASAN_OPTIONS", "quarantine_size_mb=4")  # what is freed must not look like growth
        super().setUpClass()
        for service, (_, _, kind, port, _) in SERVERS.items():
            command = [PYTHON, SUPPORT / "mixed_server.py", kind, port]
            if kind == "websocket":
                command = [PYTHON, SUPPORT / "http_peer.py", "serve", kind, port]
            if kind == "grpc":
                command = [case.BINARIES.parent / "tests/grpc_peer", "server", port]
            namespace = cls.lab.netns(service)
            programs._directory(cls.lab, namespace, service)
            programs._program(cls.lab, namespace, service, command, port)


class Watch:
    """What the daemons of both nodes hold while the load goes on."""

    def __init__(self, soak):
        self.instances = (soak.a, soak.b)
        self.pids = [instance.pids() for instance in self.instances]
        self.samples = collections.defaultdict(list)

    def sample(self):
        for instance, pids in zip(self.instances, self.pids):
            if instance.daemon.poll() is not None or any(not pathlib.Path(f"/proc/{pid}").exists()
                                                         for pid in pids.values()):
                raise LabError(f"a process of {instance.node} died\n{instance.tail()}")
            for role, pid in pids.items():
                who = f"{role} of {instance.node}"
                self.samples[who, "MB"].append(memory_mb(pid))
                self.samples[who, "descriptors"].append(len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir())))

    def read_logs(self):
        """Raises what a sanitizer told; a log that has grown large is emptied."""
        for instance in self.instances:
            if report := sanitizer_report(instance.log):
                raise LabError(report)
            if instance.log.stat().st_size > LOG_MAX:
                os.truncate(instance.log, 0)

    def figures(self):
        """Text of every process at the start, in the second quarter and in the last; and what grew, as a list."""
        text, grown = [], []
        for (who, unit), samples in self.samples.items():
            quarter = max(1, len(samples) // 4)
            second, last = statistics.median(samples[quarter:2 * quarter]), statistics.median(samples[-quarter:])
            text.append(f"{who} {samples[0]:.0f} {second:.0f} {last:.0f} {unit}")
            room = GROWN_MB if unit == "MB" else GROWN_DESCRIPTORS
            if last > second * GROWN_SHARE + room:
                grown.append(text[-1])
        return "; ".join(text), grown


def start_loads(soak, seconds):
    children = {}
    for number, (kind, service) in enumerate(LOADS):
        port = SERVERS[service][-1]
        command = [PYTHON, SUPPORT / "mixed_client.py", kind, port, seconds, number]
        if kind == "grpc":
            command = [case.BINARIES.parent / "tests/grpc_soak", f"127.0.0.1:{port}", int(seconds), 2]
        children[kind, service] = subprocess.Popen(net.inside(soak.lab.netns("client"), *command),
                                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return children


def told_by(child):
    out, errors = child.communicate(timeout=120)
    try:
        told = json.loads(out)
    except ValueError:
        raise LabError(f"a client died: {errors[-2000:]}") from None
    return collections.Counter(told["counts"]), told["wrong"]


def warm(soak):
    """Tunnels and stocks of sockets come with use; what is kept for further requests goes again."""
    for child in start_loads(soak, 2).values():
        told_by(child)
    time.sleep(IDLE_S + 2)


def mixed(soak, seconds, _):
    warm(soak)
    before = Descriptors(soak.a, soak.b, proxy_sockets=TUNNELS)
    watch = Watch(soak)
    children = start_loads(soak, seconds)
    changed, turn, told = 0, changes(), {}
    begin = time.monotonic()
    try:
        while (left := begin + seconds - time.monotonic()) > 0:
            time.sleep(min(left, 2.0))
            text = next(turn)
            for instance in (soak.a, soak.b):
                instance.apply(text)
            changed += 1
            watch.sample()
            watch.read_logs()
        told = {load: told_by(child) for load, child in children.items()}
    finally:
        for child in children.values():
            child.kill()
            child.wait()
    watch.sample()
    watch.read_logs()
    text = judged(soak, told, watch, changed)
    try:
        before.wait_settled(IDLE_S + 20)
    except LabError as error:
        raise LabError(f"{text}\n{error}") from None
    return text


def timeouts(instance):
    """How many requests the proxy says to have ended for their time."""
    lines = instance.sluice("metrics").stdout.splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("sluice_request_timeouts_total ")))


def judged(soak, told, watch, changed):
    rows = [f"{kind} to {service}: " + ", ".join(f"{count} x {outcome}" for outcome, count in sorted(counts.items()))
            for (kind, service), (counts, _) in told.items()]
    figures, grown = watch.figures()
    text = f"{changed} policy changes; {'; '.join(rows)}; at start, second and last quarter: {figures}"
    wrong = [f"{kind} to {service}: {line}" for (kind, service), (_, lines) in told.items() for line in lines]
    late = sum(counts["late"] + counts["504"] for counts, _ in told.values())
    if late > timeouts(soak.a):
        wrong.append(f"{late} requests were ended for their time, but the proxy ended {timeouts(soak.a)}")
    idle = [row for row, (counts, _) in zip(rows, told.values()) if sum(counts.values()) < 20]
    if wrong or grown or idle:
        raise LabError("\n".join([text, *wrong[:40], *(f"grown: {line}" for line in grown),
                                  *(f"next to nothing was done: {line}" for line in idle)]))
    return text


# As in soak_load.
STEPS = {"mixed": (mixed, (1800, 0), (20, 0), "seconds of mixed load")}
