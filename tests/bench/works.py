"""The works that are more than one load and its CPU time: handshakes, idle connections, policies, neighbours, dials.

Each function takes (bench, system, work) and returns the row of one round.
"""
import contextlib
import pathlib
import subprocess
import time

import demo_documents as documents
import peers as peer_programs
from lab import LabError, net
from lab.process import run

MESH_ALPN = "sluice-h2"  # a warm tunnel: handshake and connection without any stream
FIRST_IN_LINE = ("chrt", "-f", "1")  # a paced client and its origin wait for no neighbour on their own core
STORM = 32
POLICIES = 10_000
CONCERN_SERVER = 1_000
DIALS_PER_SECOND = 500


class Generator:
    """A load program: runs from its "measure" line to its "done" line."""

    def __init__(self, bench, where, program, *arguments, prefix=()):
        self.name = f"{program} {' '.join(map(str, arguments))}"
        self.child = subprocess.Popen(
            net.inside(bench.lab.netns(where), "taskset", "-c", 0, *prefix, bench.lab.binaries / program, *arguments),
            stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        if self.child.stdout.readline().strip() != "measure":
            self.child.wait()
            raise LabError(f"{self.name}: ended early")
        return self

    def finish(self):
        """[units, failed, ...], checked: at most one failure in a hundred."""
        words = self.child.stdout.readline().split()
        if not words or words[0] != "done" or int(words[1]) == 0 or int(words[2]) > int(words[1]) // 100:
            raise LabError(f"{self.name}: {words}")
        return [int(word) for word in words[1:]]

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()


def make_mesh_leaf(lab):
    """A certificate of the lab's own CA for the workload `client`: what its proxy would show."""
    source, directory = lab.directory / "ca" / "default", lab.directory / "mesh-tls"
    directory.mkdir()
    (directory / "ca.crt").write_bytes((source / "ca.crt").read_bytes())
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=client", "-addext", "subjectAltName=critical,URI:spiffe://default/client", "-addext",
        "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature", "-addext",
        "extendedKeyUsage=serverAuth,clientAuth", "-CA", source / "ca.crt", "-CAkey", source / "ca.key", "-keyout",
        directory / "leaf.key", "-out", directory / "leaf.crt")
    return directory


def tls_arguments(bench, system):
    """(host, port) and (directory, name, first words) of a system's listener for mutual TLS on the server's node."""
    if system == "sluice":
        return (bench.address["web"][0], 7100), (bench.mesh_tls, "leaf", MESH_ALPN)
    return ("10.77.0.2", peer_programs.port_of(system, "TLS_ONLY")), (bench.peers.directory, "leaf",
                                                                     "get" if system == "envoy" else "-")


def handshakes(bench, system, work):
    """W4a, W4b: CPU of the server's proxy per handshake."""
    _, mode, _, connections, _, divisor = bench.works[work]
    target, files = tls_arguments(bench, system)
    with Generator(bench, "bare", "bench_tls", mode, *target, connections, bench.seconds, *files) as load:
        watch = bench.watch(system)
        units, failed, full = load.finish()
        return watch.row(work, units, failed, divisor) | {"full_handshakes": full}


def idle(bench, system, work):
    """W9: what the processes' memory grows by, per connection. Only a first round says it: heaps keep memory."""
    _, _, _, connections, _, divisor = bench.works[work]
    target, files = tls_arguments(bench, system)
    before = sum(map(bench.pss_bytes, bench.pids[system]))
    with Generator(bench, "bare", "bench_tls", "idle", *target, connections, 3, *files) as load:
        time.sleep(2)  # what a handshake leaves behind for a moment
        grown = sum(map(bench.pss_bytes, bench.pids[system])) - before
        units, failed = load.finish()
    return {"work": work, "system": system, "value": grown / units / divisor, "units": units, "failed": failed,
            "disturbed": False}


def many_policies():
    """10,000 permissions in files of 1,000, a tenth of them about the server that is called, none about its caller."""
    texts = []
    for number in range(POLICIES):
        service = "web" if number < CONCERN_SERVER else f"other-{number % 1000}"
        texts.append(documents.allow(f"many-{number}", service, [f"caller-{number}"]))
    return ["---".join(texts[first:first + 1000]) for first in range(0, POLICIES, 1000)]


def policies(bench, system, work):
    """W11: CPU per new connection across nodes with 10,000 policies, divided by that without them."""
    alone = bench.measure_load(system, work)
    changed = [instance.write_resource(f"many-{number}", text) for number, text in enumerate(many_policies())
               for instance in bench.lab.instances.values()]
    try:
        bench.wait_policies(POLICIES)
        loaded = bench.measure_load(system, work)
    finally:
        for path in changed:
            path.unlink()
    bench.wait_policies(0)
    return loaded | {"value": loaded["value"] / alone["value"], "alone": alone["value"], "with": loaded["value"]}


def paced(bench, system):
    """p99 in ns of paced requests from one workload."""
    where, host, port = bench.target(system, 7100, False)
    with Generator(bench, where, "bench_load", "paced", host, port, 20, bench.seconds, prefix=FIRST_IN_LINE) as load:
        units, failed, _, p99 = load.finish()
    return units, failed, p99


@contextlib.contextmanager
def run_first(pids):
    """Processes that wait for no neighbour either; their children, as an origin's swallowing half, stay as they are."""
    for pid in pids:
        run("chrt", "-a", "-f", "-p", "1", pid)
    try:
        yield
    finally:
        for pid in pids:
            run("chrt", "-a", "-o", "-p", "0", pid)


def neighbour(bench, system, mode):
    """The load beside: a bulk flow of another workload, or a storm of handshakes at the server's proxy."""
    seconds = bench.seconds + 3
    if mode == "storm":
        target, files = tls_arguments(bench, system)
        return Generator(bench, "bare", "bench_tls", "handshakes", *target, STORM, seconds, *files)
    where, host, port = bench.target(system, 7101, False)
    where = "second" if system == "sluice" else where
    return Generator(bench, where, "bench_load", "bulk", host, port, 1, seconds)


def beside(bench, system, work):
    """W13, W14: p99 of paced requests beside a neighbour, divided by that without."""
    with run_first(bench.origins):
        _, _, alone = paced(bench, system)
        with neighbour(bench, system, bench.works[work][1]):
            units, failed, loaded = paced(bench, system)
    return {"work": work, "system": system, "value": loaded / alone, "units": units, "failed": failed,
            "alone_us": alone / 1000, "beside_us": loaded / 1000, "disturbed": False}


def dials(bench, system, work):
    """W17: median of connect() that is captured, less that of one by a loopback without capture, by turns.

    Capture leads to a listener of the caller's own namespace by its loopback, whose owner sleeps on the proxies' core.
    The other connect() finds the same: a listener of its own namespace whose owner sleeps on the proxies' core.
    """
    where, host, port = bench.target(system, 7100, True) if system == "sluice" else bench.target(system, 7100, False)
    with Generator(bench, where, "bench_load", "dials", host, port, DIALS_PER_SECOND, bench.seconds,
                   net.NETNS / bench.lab.netns("bare"), bench.address["bare"][0], 7100) as load:
        units, failed, captured, _, plain, _ = load.finish()
    return {"work": work, "system": system, "value": (captured - plain) / 1000, "units": units, "failed": failed,
            "captured_us": captured / 1000, "plain_us": plain / 1000, "disturbed": False}


def memory(bench, system, work):
    """W10: PSS of all processes of a system on both nodes; Sluice's agent and keeper count as well as its proxy."""
    parts = {}
    for pid in bench.pids[system]:
        name = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
        parts.setdefault(name, []).append(bench.pss_bytes(pid))
    total = sum(sum(sizes) for sizes in parts.values())
    return {"work": work, "system": system, "value": total / bench.works[work][5], "units": 1, "failed": 0,
            "parts": parts, "disturbed": False}


BY_MODE = {"memory": memory, "handshakes": handshakes, "resumptions": handshakes, "idle": idle, "policies": policies,
           "beside": beside, "storm": beside, "dials": dials}
