"""The works that are HTTP: requests through one proxy and over the mesh, gRPC calls, and requests that nobody reads.

Each function takes (bench, system, work) and returns the row of one round. Origins answer with 100 bytes in all.
"""
import contextlib
import os
import pathlib
import re
import subprocess

import demo_documents as documents
from lab import LabError, net
from works import FIRST_IN_LINE, Generator, run_first

HTTP, UNREAD, GRPC = 7200, 7201, 7300  # an origin's ports
# A service is called by name: (near, origin's port) -> the local port that the client's Dataplane declares for it.
LOCAL = {(True, HTTP): 9200, (True, GRPC): 9300, (False, HTTP): 9201, (False, UNREAD): 9202}
OUTBOUNDS = ((9200, "near-shop"), (9300, "near-shop-grpc"), (9201, "shop"), (9202, "shop-unread"))
CONNECTIONS = 64
TUNNELS, STREAMS = 8, 16  # of h2load
SHARE_OF_CAPACITY = 0.6
CALL = b"\0\0\0\0\x13\x0a\x11seventeen letters"  # one message of gRPC, not compressed

POLICIES = """
type: MeshRetry
mesh: default
name: of-requests
spec:
  targetRef: {kind: Mesh}
  to:
  - targetRef: {kind: MeshService, name: SERVICE}
    default: {http: {numRetries: 2, retryOn: ["5xx"]}, grpc: {numRetries: 2, retryOn: [Unavailable]}}
---
type: MeshTimeout
mesh: default
name: of-requests
spec:
  targetRef: {kind: Mesh}
  to:
  - targetRef: {kind: MeshService, name: SERVICE}
    default: {connectionTimeout: 10s, http: {requestTimeout: 15s}}
---
type: MeshTimeout
mesh: default
name: at-requests
spec:
  targetRef: {kind: MeshService, name: SERVICE}
  from:
  - targetRef: {kind: Mesh}
    default: {http: {requestTimeout: 15s}}
"""


def policies_of(service, inbound_too):
    """Retries and timeouts towards a service; with `inbound_too` its own node reads its requests as well."""
    text = POLICIES.replace("SERVICE", service).replace("of-requests", f"of-{service}").replace("at-requests",
                                                                                            f"at-{service}")
    return text if inbound_too else text.rpartition("---")[0]


def server(name, node, address, attach):
    """A Dataplane of one workload with three services: requests that are read, that are not, and gRPC calls."""
    inbounds = "".join(f"""
  - port: {port}
    name: p{port}
    address: "{address}"
    tags: {{kuma.io/service: {service}, kuma.io/protocol: {kind}}}"""
                       for port, service, kind in ((HTTP, name, "http"), (UNREAD, f"{name}-unread", "http"),
                                                   (GRPC, f"{name}-grpc", "grpc")))
    return f"""
type: Dataplane
mesh: default
name: {name}-1
networking:
  address: "{address}"
  inbound:{inbounds}
sluice:
  node: {node}
  attach: {{{attach[0]}: {attach[1]}}}
"""


def resources(bench):
    """What Sluice is told: a server on the client's node whose requests one proxy reads, one beyond that both read."""
    parts = []
    for name, node, far in (("near-shop", "a", False), ("shop", "b", True)):
        parts.append(server(name, node, bench.address[name][0], ("netns", net.NETNS / bench.lab.netns(name))))
        for service in (name, f"{name}-unread", f"{name}-grpc"):
            parts.append(documents.allow(f"{service}-clients", service, ["client"]))
        parts.extend(policies_of(service, far) for service in (name, f"{name}-grpc"))
    return parts


def start_origins(bench, where):
    """Pids of a workload's origins: HTTP/1.1 on two ports, gRPC answers by nghttpd on a third."""
    lab = bench.lab
    directory = lab.directory / "grpc"
    directory.mkdir(exist_ok=True)
    (directory / "call.grpc").write_bytes(CALL)
    (directory / "mime").write_text("application/grpc grpc\n")
    pids = [lab.start(where, f"http-{where}-{port}", "taskset", "-c", bench.load_core, lab.binaries / "bench_http",
                      "serve", port).pid for port in (HTTP, UNREAD)]
    lab.start(where, f"grpc-{where}", "taskset", "-c", bench.load_core, "nghttpd", "--no-tls", "-m", 1000, "-d",
              directory, "--mime-types-file", directory / "mime", "--trailer", "grpc-status: 0",
              "--no-content-length", GRPC)
    return pids


class H2Load(Generator):
    """h2load, with the words of the other generators."""

    def __init__(self, bench, where, host, port, *, call):
        directory = bench.lab.directory / "grpc"
        options = ("-d", directory / "call.grpc", "-H", "content-type: application/grpc", "-H", "te: trailers")
        path = "/call.grpc" if call else "/catalogue/item"
        self.name = f"h2load to {host}:{port}"
        self.child = subprocess.Popen(
            [str(word) for word in net.inside(
                bench.lab.netns(where), "taskset", "-c", bench.load_core, *FIRST_IN_LINE, "h2load", "-c", TUNNELS, "-m",
                STREAMS, "-t", 1, "-D", bench.seconds, "--warm-up-time", 1, *(options if call else ()),
                f"http://{host}:{port}{path}")], stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        for line in self.child.stdout:
            if line.startswith("Main benchmark duration is started"):
                return self
        raise LabError(f"{self.name}: ended early")

    def finish(self):
        text = self.child.stdout.read()
        found = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed", text)
        done, succeeded, failed = map(int, found.groups()) if found else (0, 0, 0)
        if succeeded == 0 or failed > done // 100:
            raise LabError(f"{self.name}: {text[-600:]}")
        return [succeeded, failed]


def load(bench, system, work):
    """The generator of a work's requests in a closed loop."""
    _, mode, port, connections, _, _ = bench.works[work]
    where, host, port = bench.target(system, port, bench.is_near(work), mode == "streams")
    if mode in ("streams", "calls"):
        return H2Load(bench, where, host, port, call=mode == "calls")
    return Generator(bench, where, "bench_http", "requests", host, port, connections, bench.seconds,
                     prefix=FIRST_IN_LINE)


@contextlib.contextmanager
def undisturbed(bench, system):
    """Origins and what carries requests come before the machine's other work, as their load does, and this program
    before them, or it would read the clocks late. Agents do not."""
    carriers = [pid for pid in bench.pids[system]
                if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() != "sluiced"]
    os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(2))
    try:
        with run_first(bench.http_origins + bench.origins + carriers):
            yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def answered(bench):
    """How many requests each node's proxy has read and answered so far."""
    return {name: sum(row["value"] for row in instance.json("metrics")["metrics"]
                      if row["name"] == "sluice_requests_2xx_total")
            for name, instance in bench.lab.instances.items()}


def requests(bench, system, work):
    """W6, W6m, W8, W8g: CPU per request. Whose requests are to be read must have read them."""
    before = answered(bench)
    with undisturbed(bench, system), load(bench, system, work) as running:
        watch = bench.watch(system)
        units, failed, *_ = running.finish()
        row = watch.row(work, units, failed, bench.works[work][5])
    bench.rates[system, work] = units / bench.seconds
    readers = {"W5h": "", "W6m": "ab"}.get(work, "a") if system == "sluice" else ""
    for node, count in answered(bench).items():
        if (count - before[node] >= units) != (node in readers):
            raise LabError(f"{work}: node {node} has read {count - before[node]} of {units} requests")
    return row


def unread(bench, system, work):
    """W5h: CPU per request of HTTP that no policy asks to read, divided by W5's of as many bytes."""
    with undisturbed(bench, system):
        alone = bench.measure_load(system, "W5", FIRST_IN_LINE)
    row = requests(bench, system, work)
    return row | {"value": row["value"] / alone["value"], "alone": alone["value"], "with": row["value"]}


def sixty_percent(bench):
    """Requests a second: 60 % of what the slowest system carries in a closed loop, the same for all."""
    for system in bench.pids:
        if (system, "W7") not in bench.without and (system, "W6m") not in bench.rates:
            requests(bench, system, "W6m")
    return int(SHARE_OF_CAPACITY * min(rate for (_, work), rate in bench.rates.items() if work == "W6m"))


def paced(bench, system, work):
    """W7: p99 of paced requests over the mesh, from when each was due."""
    _, _, port, connections, _, divisor = bench.works[work]
    bench.pace = bench.pace or sixty_percent(bench)
    where, host, port = bench.target(system, port, False)
    with undisturbed(bench, system), Generator(bench, where, "bench_http", "paced", host, port, connections,
                                               bench.seconds, bench.pace, prefix=FIRST_IN_LINE) as running:
        units, failed, median, tail = running.finish()
    return {"work": work, "system": system, "value": tail / divisor, "units": units, "failed": failed,
            "p50_us": median / 1000, "rate": bench.pace, "disturbed": False}


BY_MODE = {"http": requests, "streams": requests, "calls": requests, "unread": unread, "paced": paced}
