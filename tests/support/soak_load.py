"""Load held: the steps of scripts/soak that are about great numbers and unequal neighbours.

A step is a function (soak, count, seconds) that returns what it measured as text; it raises LabError when a promise was
broken. While something is held, the workload `neighbour` opens new connections one after the other, of which none may
fail.
"""
import contextlib
import os
import pathlib
import subprocess
import time

import case
from case import PYTHON, SUPPORT, documents, net, wait_for
from lab import LabError
from lab.generator import Generator
from lab.instance import Descriptors
from lab.leaf import mesh_leaf
from lab.load import Load
from lab.process import run

ECHO, SINK = 7100, 7101
AGENT_SECONDS_EACH = 0.04  # of processor time for an enrolment, the looks at it included
PACED = 20  # connections of 50 requests a second each


class LoadNodes(case.TwoNodes):
    """TwoNodes with an echo and a swallowing server beside the web server, and a namespace that is not enrolled."""

    lab_name = "held"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab.add_workload("a", "stranger")
        cls.lab.start("web", "echo", cls.lab.binaries / "bench_load", "serve", ECHO)
        wait_for(lambda: f":{SINK}" in cls.lab.run("web", "ss", "-Hltn").stdout, "the echo server to listen")
        big = cls.lab.directory / f"{cls.lab.netns('web')}-nginx" / "files/big"
        big.write_bytes(b"b" * (32 << 20))
        # A port must not be what limits anybody.
        for name in ("a", "b", *cls.lab.workloads):
            net.sysctl(cls.lab.netns(name), "net.ipv4.tcp_tw_reuse", 1)
        cls.web = cls.address["web"][0]
        mesh_leaf(cls.lab, "client", "spiffe://default/client")
        leaves = cls.lab.directory / "leaves"
        (leaves / "ca.crt").write_bytes((cls.lab.directory / "ca/default/ca.crt").read_bytes())
        Load(cls.lab, "neighbour", 2, cls.web, 80).finish()  # tunnels and stocks of sockets come with use

    @classmethod
    def documents(cls):
        old = documents.dataplane("web-1", "b", "web", cls.address["web"], case.netns_attach(cls.lab, "web"), [80],
                                  "http")
        text = super().documents()
        if old not in text:
            raise LabError("the documents of TwoNodes have changed")
        return text.replace(old, documents.dataplane("web-1", "b", "web", cls.address["web"],
                                                     case.netns_attach(cls.lab, "web"), [80, ECHO, SINK]))


def memory_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise LabError(f"no Pss of {pid}")


def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Neighbour:
    """New connections of a workload that has nothing to do with what is held; the figures of their end."""

    def __init__(self, soak, seconds):
        self.soak = soak
        self.load = Load(soak.lab, "neighbour", seconds, soak.web, 80)

    def finish(self):
        good, _, failed = self.load.finish()
        if failed or good < 10:
            raise LabError("\n".join([f"{good} of the neighbour's connections went well, {len(failed)} did not",
                                      *failed[:5], self.soak.a.tail(10), self.soak.b.tail(10)]))
        return f"neighbour: {good} new connections, 0 failed, p99 {self.load.p99_ms:.1f} ms"


@contextlib.contextmanager
def many(soak, where, mode, count, port, seconds):
    """tests/support/many.py from its "held" on; ended at the end. Yields its process."""
    child = subprocess.Popen(net.inside(soak.lab.netns(where), PYTHON, SUPPORT / "many.py", mode, count, soak.web, port,
                                        seconds), stdout=subprocess.PIPE, text=True)
    try:
        if child.stdout.readline().split() != ["held", str(count)]:
            raise LabError(f"{mode}: could not open {count}")
        yield child
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def held(soak, where, mode, count, port, seconds):
    """Text of what holding so many cost; the neighbour works from their opening to their end."""
    before = Descriptors(soak.a, soak.b)
    proxy = soak.b.pids()["proxy"]
    memory = memory_mb(proxy)
    neighbour = Neighbour(soak, seconds + 4)
    with many(soak, where, mode, count, port, seconds) as child:
        time.sleep(min(2, seconds / 2))
        grown = memory_mb(proxy) - memory
        text = neighbour.finish()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(seconds + 30)
        left = child.stdout.read().split()
    if soak.b.pids()["proxy"] != proxy:
        raise LabError(f"{mode}: the proxy did not live through it")
    before.wait_settled(30.0)
    text += f"; proxy grew by {grown:.1f} MB ({grown * 1024 / count:.1f} KiB each)"
    return text + (f"; {left[2]} still open after {seconds} s" if len(left) == 3 and mode != "half_open" else "")


def idle(soak, count, seconds):
    """Mutual TLS connections, each with an application connection of its own behind it."""
    before = Descriptors(soak.a, soak.b)
    proxy = soak.b.pids()["proxy"]
    memory = memory_mb(proxy)
    begin = time.monotonic()
    with Generator(soak.lab, "stranger", "bench_tls", "idle", soak.web, ECHO, count, seconds,
                   soak.lab.directory / "leaves", "client", "sluice") as load:
        opened = time.monotonic() - begin
        neighbour = Neighbour(soak, max(2, seconds - 2))
        grown = memory_mb(proxy) - memory
        descriptors = len(list(pathlib.Path(f"/proc/{proxy}/fd").iterdir()))
        text = neighbour.finish()
        units, failed = load.finish()[:2]
    if units != count or failed:
        raise LabError(f"idle: {units} of {count} were held, {failed} ended\n{soak.b.tail(20)}")
    before.wait_settled(30.0)
    return (f"{text}; opened in {opened:.0f} s; {descriptors} descriptors; proxy grew by {grown:.1f} MB "
            f"({grown * 1024 / count:.1f} KiB each)")


def connects(soak, count, seconds):
    """As many new connections a second as there can be; `count` a second are wanted."""
    before = Descriptors(soak.a, soak.b)
    with Generator(soak.lab, "client", "bench_load", "connects", soak.web, ECHO, 64, seconds) as load:
        units, failed = load.finish()[:2]
    if failed or units < count * seconds:
        raise LabError(f"connects: {units / seconds:.0f} a second for {seconds} s, {failed} failed\n{soak.a.tail(10)}")
    before.wait_settled(30.0)
    return f"{units / seconds:.0f} new connections a second for {seconds} s, 0 failed"


def half_open(soak, count, seconds):
    return held(soak, "stranger", "half_open", count, 80, seconds)


def unfinished(soak, count, seconds):
    return held(soak, "stranger", "unfinished", count, 80, seconds)


def slow_readers(soak, count, seconds):
    return held(soak, "client", "slow_readers", count, 80, seconds)


def slow_writers(soak, count, seconds):
    return held(soak, "client", "slow_writers", count, 80, seconds)


def paced(soak, seconds):
    with Generator(soak.lab, "neighbour", "bench_load", "paced", soak.web, ECHO, PACED, seconds) as load:
        units, failed, _, p99 = load.finish()
    if failed or not units:
        raise LabError(f"paced requests: {units} went well, {failed} failed")
    return p99 / 1000


def beside(soak, seconds, rounds, start):
    """Median over rounds of the p99 of paced requests beside something, divided by that of the same round without."""
    ratios, loaded = [], []
    for _ in range(rounds):
        alone = paced(soak, seconds)
        with start():
            loaded.append(paced(soak, seconds))
        ratios.append(loaded[-1] / alone)
    middle = sorted(ratios)[len(ratios) // 2]
    return (f"p99 of a neighbour's paced requests {middle:.2f}x of that alone ({min(ratios):.2f}-{max(ratios):.2f} in "
            f"{rounds} rounds of {seconds} s), {min(loaded):.0f}-{max(loaded):.0f} us beside it")


def bulk_beside(soak, count, seconds):
    return beside(soak, seconds, count, lambda: Generator(soak.lab, "client", "bench_load", "bulk", soak.web, SINK, 1,
                                                          seconds + 3))


def storm_beside(soak, count, seconds):
    return beside(soak, seconds, count, lambda: Generator(
        soak.lab, "stranger", "bench_tls", "handshakes", soak.web, ECHO, 32, seconds + 3, soak.lab.directory / "leaves",
        "client", "sluice-h2"))


def workloads(soak, count, seconds):
    """Enrolled namespaces that hold nothing but an address."""
    names = [f"{soak.lab.prefix}w{number}" for number in range(count)]
    run("ip", "-batch", "-", stdin="\n".join(f"netns add {name}" for name in names), timeout=300)
    run("bash", "-es", timeout=300, stdin="\n".join(
        f"ip -n {name} -batch - <<< $'link set lo up\nlink add own type veth peer name far\nlink set own up\n"
        f"link set far up\naddr add 10.79.{number // 250}.{number % 250 + 1}/32 dev own'"
        for number, name in enumerate(names)))
    pids = soak.b.pids()
    memory = {role: memory_mb(pid) for role, pid in pids.items()}
    text = "---".join(documents.dataplane(f"many-{number}", "b", f"many-{number % 100}",
                                          (f"10.79.{number // 250}.{number % 250 + 1}",),
                                          ("netns", net.NETNS / name), [8080]) for number, name in enumerate(names))
    begin, processor = time.monotonic(), processor_seconds(pids["agent"])
    path = soak.b.write_resource("many", text)
    try:
        def enrolled():
            time.sleep(min(1, count / 400))  # the answer means a look at each of them
            rows = soak.b.json("workloads")["workloads"]
            return sum(row["ready"] for row in rows if row["name"].startswith("many-")) == count
        wait_for(enrolled, f"{count} workloads to be enrolled", 240.0)
        processor = processor_seconds(pids["agent"]) - processor
        took = f"{time.monotonic() - begin:.1f} s ({processor:.1f} s of the agent's processor time)"
        if processor > 2 + AGENT_SECONDS_EACH * count:
            raise LabError(f"{count} workloads ready after {took}")
        neighbour = Neighbour(soak, seconds).finish()
        grown = ", ".join(f"{role} {memory_mb(pid) - memory[role]:.1f}" for role, pid in soak.b.pids().items())
    finally:
        path.unlink()
    wait_for(lambda: len(soak.b.json("workloads")["workloads"]) < 10, "the workloads to go again", 120.0)
    run("ip", "-batch", "-", stdin="\n".join(f"netns delete {name}" for name in names), timeout=300)
    return f"all ready after {took}; {neighbour}; grown by MB: {grown}"


# name: (function, count and seconds of the long form, count and seconds of the short one, what the count is of)
STEPS = {
    "idle": (idle, (9000, 10), (500, 4), "idle mutual TLS connections"),
    "connects": (connects, (5000, 60), (300, 4), "new connections a second"),
    "half_open": (half_open, (100_000, 10), (20_000, 2), "half-open connections"),
    "unfinished": (unfinished, (8000, 15), (1500, 4), "unfinished TLS handshakes"),
    "slow_readers": (slow_readers, (500, 20), (60, 4), "slow readers"),
    "slow_writers": (slow_writers, (500, 20), (60, 4), "slow writers"),
    "workloads": (workloads, (1000, 5), (40, 3), "enrolled workloads"),
    "bulk_beside": (bulk_beside, (5, 6), (1, 2), "rounds"),
    "storm_beside": (storm_beside, (5, 6), (1, 2), "rounds"),
}
