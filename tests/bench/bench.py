#!/usr/bin/env python3
"""Sluice against its peers: the same work in interleaved rounds (A B C, C B A, ...), on two nodes of a lab.

Proxies share core 1, load and origin core 0. The figure is the CPU time (user and system) of all of a system's
processes, from schedstat, per unit of work. Rounds in which others took more than 5 % of the proxies' core are marked
disturbed, none is dropped.
"""
import argparse
import contextlib
import json
import os
import pathlib
import resource
import signal
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import demo_documents as documents  # noqa: E402
import http_works  # noqa: E402
import peers as peer_programs  # noqa: E402
import works as work_functions  # noqa: E402
from lab import Lab, LabError, net  # noqa: E402
from lab.process import run, wait_for  # noqa: E402

LOAD_CORE, PROXY_CORE = 0, 1
ONE_CACHE_NS = 200  # a cache line's way there and back: 65 to 120 ns where they share a last-level cache, else 400
# name: (what, mode, port, connections, unit, divisor of ns of CPU)
WORKS = {
    "W1": ("L4 bulk through one proxy, no TLS", "bulk", 7101, 1, "s/GB", 1),
    "W2": ("new connection through one proxy, no TLS", "connects", 7100, 8, "us", 1000),
    "W3": ("bulk over mutual TLS between two nodes", "bulk", 7101, 1, "s/GB", 1),
    "W4": ("new application connection across nodes", "connects", 7100, 8, "us", 1000),
    "W4a": ("full mutual TLS handshake, server's side", "handshakes", 0, 8, "us", 1000),
    "W4b": ("resumed mutual TLS handshake, server's side", "resumptions", 0, 8, "us", 1000),
    "W4c": ("new application connection in a warm tunnel", "connects", 7100, 8, "us", 1000),
    "W5": ("small request, 64 kept-alive connections", "requests", 7100, 64, "us", 1000),
    "W5h": ("HTTP request without a policy that needs HTTP : W5", "unread", 7201, 64, "x", 1000),
    "W6": ("HTTP/1.1 request through one proxy, no TLS", "http", 7200, 64, "us", 1000),
    "W6m": ("HTTP/1.1 request between two nodes, both read it", "http", 7200, 64, "us", 1000),
    "W7": ("p99 of it, all paced at 60 % of the slowest's capacity", "paced", 7200, 64, "us", 1000),
    "W8": ("HTTP/2 request to HTTP/1.1 through one proxy, no TLS", "streams", 7200, 128, "us", 1000),
    "W8g": ("gRPC unary call through one proxy, no TLS", "calls", 7300, 128, "us", 1000),
    "W9": ("memory per idle mutual TLS connection, server's side", "idle", 0, 4000, "KiB", 1024),
    "W10": ("memory of an idle node, PSS", "memory", 0, 0, "MB", 2e6),
    "W11": ("new connection across nodes, 10,000 policies : none", "policies", 7100, 8, "x", 1000),
    "W13": ("p99 of another's requests, beside a bulk flow : alone", "beside", 0, 0, "x", 1),
    "W14": ("p99 of another's requests, beside a handshake storm : alone", "storm", 0, 0, "x", 1),
    "W17": ("connect(), captured less not captured", "dials", 0, 0, "us", 1),
}
NEAR = {"W1", "W2", "W6", "W8", "W8g"}  # the origin is on the client's node, no TLS
# Systems that do not do a work: ztunnel has no plain listener and no mesh certificate for the generator, the others do
# not capture, HAProxy 2.6 and nginx 1.22 have no tunnels, and policies are counted against ourselves alone.
WITHOUT = {("ztunnel", "W1"), ("ztunnel", "W2"), ("ztunnel", "W4a"), ("ztunnel", "W4b"), ("ztunnel", "W9"),
           ("ztunnel", "W14"), ("haproxy", "W4c"), ("nginx", "W4c")}
WITHOUT |= {("ztunnel", work) for work in ("W6", "W6m", "W7", "W8", "W8g")}  # it does not read requests
WITHOUT |= {("haproxy-h2", work) for work in WORKS if work not in ("W6m", "W7")}  # elsewhere it is as haproxy
WITHOUT |= {(system, work) for system in peer_programs.FLOORS for work in WORKS if work not in ("W6", "W6m")}
WITHOUT.add(("floor-epoll", "W6m"))
WITHOUT |= {(system, "W17") for system in peer_programs.EXPLICIT}
WITHOUT |= {(system, work) for work in ("W5h", "W11") for system in peer_programs.SYSTEMS if system != "sluice"}
EARLY = ("W10", "W9")  # memory, before anybody has carried anything
ONE_ROUND = {"W9"}  # heaps keep what they have had: a second round finds nothing
ONE_QUICK_ROUND = {"W4c", "W5h", "W6", "W6m", "W7", "W8", "W8g", "W11", "W13", "W14", "W17"}


def cpu_ns(pids):
    """CPU time of processes in ns. A thread that ends takes its time along; these proxies keep theirs."""
    total = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total


def children_of(pid, proc=pathlib.Path("/proc")):
    """What the threads of a process started; nothing of one that ends meanwhile, or of a process that is gone."""
    children = set()
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in (proc / str(pid) / "task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                children.update(map(int, (task / "children").read_text().split()))
    return children


def with_children(pids):
    """The processes and what they started: nginx works in a child."""
    family = set(pids)
    while True:
        children = set().union(*map(children_of, family))
        if children <= family:
            return sorted(family)
        family |= children


def pss_bytes(pid):
    """Proportional share of a process in physical memory."""
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise LabError(f"no Pss in /proc/{pid}/smaps_rollup")


def core_busy(core):
    """Seconds that a core was not idle or was taken away by the host."""
    line = next(x for x in pathlib.Path("/proc/stat").read_text().splitlines() if x.startswith(f"cpu{core} "))
    fields = [int(x) for x in line.split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


class Watch:
    """What a system's processes and their core spend from now on."""

    def __init__(self, bench, system):
        self.bench, self.system = bench, system
        self.profile = self.start_profile() if bench.profiles else None
        self.before, self.busy = cpu_ns(bench.pids[system]), core_busy(PROXY_CORE)

    def start_profile(self):
        number = sum(1 for _ in self.bench.profiles.iterdir())
        return subprocess.Popen([*work_functions.FIRST_IN_LINE, "perf", "record", "-q", "-g", "-F", "1999", "-p",
                                 ",".join(map(str, self.bench.pids[self.system])), "-o",
                                 self.bench.profiles / f"{number:02}-{self.system}.perf"], stderr=subprocess.DEVNULL)

    def row(self, work, units, failed, divisor):
        spent = cpu_ns(self.bench.pids[self.system]) - self.before
        foreign = max(0.0, core_busy(PROXY_CORE) - self.busy - spent / 1e9) / self.bench.seconds
        if self.profile:
            self.profile.send_signal(signal.SIGINT)
            self.profile.wait()
        return {"work": work, "system": self.system, "value": spent / units / divisor, "units": units,
                "failed": failed, "foreign": round(foreign, 3), "disturbed": foreign > 0.05}


class Bench:
    pss_bytes = staticmethod(pss_bytes)
    works = WORKS
    without = WITHOUT
    load_core = LOAD_CORE

    def __init__(self, lab, seconds, programs, tuned, profiles=None):
        self.lab = lab
        self.profiles = profiles
        self.peers = peer_programs.Peers(lab, programs, self.start_origin, self.start_http_origin, tuned)
        self.seconds = seconds
        self.address = {}
        self.pids = {}
        self.origins = []
        self.http_origins = []
        self.rates = {}  # (system, work): requests a second of the last round
        self.pace = 0  # of W7

    def build(self):
        lab = self.lab
        lab.add_nodes("a", "b")
        for node, name in (("a", "client"), ("a", "second"), ("a", "near"), ("b", "web"), ("a", "bare"),
                           ("a", "near-shop"), ("b", "shop")):
            self.address[name] = lab.add_workload(node, name)
        for name in ("near", "web"):
            self.start_origin(name)
        self.start_origin("bare", PROXY_CORE)  # where captured connections are accepted, too
        for name in ("near-shop", "shop"):
            self.start_http_origin(name)
        self.peers.start()
        for system, pids in self.peers.pids.items():
            self.adopt(system, pids)
        self.start_sluice()
        self.mesh_tls = work_functions.make_mesh_leaf(lab)
        # Ports must not be what limits anybody: with half of them waiting out their minute, connect() walks the whole
        # range each time.
        for name in ("a", "b", *lab.workloads):
            net.sysctl(lab.netns(name), "net.ipv4.tcp_tw_reuse", 1)

    def start_origin(self, name, core=LOAD_CORE):
        child = self.lab.start(name, f"origin-{name}", "taskset", "-c", core, self.lab.binaries / "bench_load",
                               "serve", 7100)
        if core == LOAD_CORE:
            self.origins.append(child.pid)

    def start_http_origin(self, name):
        self.http_origins += http_works.start_origins(self, name)

    def start_sluice(self):
        lab, address = self.lab, self.address

        def attach(name):
            return ("netns", net.NETNS / lab.netns(name))
        text = "---".join([
            documents.MESH,
            documents.dataplane("client-1", "a", "client", address["client"], attach("client"),
                                outbounds=http_works.OUTBOUNDS),
            documents.dataplane("second-1", "a", "client", address["second"], attach("second")),
            documents.dataplane("near-1", "a", "near", address["near"], attach("near"), [7100, 7101]),
            documents.dataplane("web-1", "b", "web", address["web"], attach("web"), [7100, 7101]),
            documents.allow("web-clients", "web", ["client"]), documents.allow("near-clients", "near", ["client"]),
            *http_works.resources(self)])
        pids = []
        for node in ("a", "b"):
            instance = lab.instance(node, **{"proxy.workers": 1, "proxy.access_log": "off", "log.level": "warn"})
            instance.write_resource("bench", text)
            instance.start()
            pids += instance.pids().values()
        self.adopt("sluice", pids)

    def adopt(self, system, pids):
        self.pids[system] = with_children(pids)
        for pid in self.pids[system]:
            run("taskset", "-a", "-p", "-c", PROXY_CORE, pid)

    def watch(self, system):
        return Watch(self, system)

    def wait_policies(self, extra):
        """Until both nodes have the lab's eight permissions and so many more in force."""
        def settled():
            listed = (instance.json("get", "MeshTrafficPermission") for instance in self.lab.instances.values())
            return all(sum(x["in_force"] for x in answer["resources"]) == extra + 8 for answer in listed)
        wait_for(settled, f"{extra} more policies", 60)

    @staticmethod
    def is_near(work):
        return work in NEAR

    def target(self, system, port, near, streams=False):
        """(namespace, host, port) of a system's way to the origin's `port`; `streams`: by HTTP/2."""
        if system == "sluice":
            if (near, port) in http_works.LOCAL:
                return "client", "127.0.0.1", http_works.LOCAL[near, port]
            return "client", self.address["near" if near else "web"][0], port
        return self.peers.target(system, port, near, streams)

    def measure(self, system, work):
        by_mode = work_functions.BY_MODE | http_works.BY_MODE
        before = self.cores_ns()
        row = by_mode.get(WORKS[work][1], Bench.measure_load)(self, system, work)
        return row | {"cores_ns": [before, self.cores_ns()]}

    def cores_ns(self):
        """A cache line's way from the load's processor to the proxies' and back."""
        return int(run(self.lab.binaries / "bench_cores", LOAD_CORE, PROXY_CORE).stdout)

    def measure_load(self, system, work, prefix=()):
        _, mode, port, connections, _, divisor = WORKS[work]
        mode = "connects" if mode == "policies" else mode
        where, host, port = self.target(system, port, work in NEAR)
        if (system, work) == ("envoy", "W4c"):
            port = peer_programs.port_of("envoy", "TUNNEL")
        with work_functions.Generator(self, where, "bench_load", mode, host, port, connections, self.seconds,
                                      prefix=prefix) as load:
            watch = self.watch(system)
            units, failed, *_ = load.finish()
            return watch.row(work, units, failed, divisor)


def summarise(raw, works, systems):
    rows = []
    for work in works:
        for system in systems:
            values = [r["value"] for r in raw if r["work"] == work and r["system"] == system]
            if values:
                rows.append({"work": work, "system": system, "unit": WORKS[work][4],
                             "median": statistics.median(values), "min": min(values), "max": max(values),
                             "rounds": len(values)})
    return rows


def table(rows, raw, works, systems):
    """One line per work; below each peer's figure the median of the rounds' ratios sluice : peer."""
    lines = [f"| work, unit | {' | '.join(systems)} |", "|---" * (len(systems) + 1) + "|"]
    for work in works:
        cells = []
        for system in systems:
            row = next((r for r in rows if r["work"] == work and r["system"] == system), None)
            if row is None:
                cells.append("-")
                continue
            text = f"{row['median']:.3g} ({row['min']:.3g}-{row['max']:.3g})"
            if system != "sluice":
                ours, theirs = ([r["value"] for r in raw if r["work"] == work and r["system"] == name]
                                for name in ("sluice", system))
                text += f" **{statistics.median(a / b for a, b in zip(ours, theirs)):.2f}x**"
            cells.append(text)
        lines.append(f"| {work} {WORKS[work][0]}, {WORKS[work][4]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def distance(row):
    """Whether the load's and the proxies' processors shared a cache, before and after; None: that changed."""
    near = {time < ONE_CACHE_NS for time in row["cores_ns"]}
    return None if len(near) == 2 else ("one cache" if near.pop() else "two caches")


def by_distance(raw, works, systems):
    """Of works that had both, each system's median where the processors shared a cache and where they did not."""
    lines = []
    for work in works:
        found = {}
        for row in raw:
            if row["work"] == work and distance(row):
                found.setdefault(distance(row), {}).setdefault(row["system"], []).append(row["value"])
        for kind, values in sorted(found.items() if len(found) == 2 else ()):
            medians = {system: statistics.median(values[system]) for system in systems if system in values}
            cells = [f"{system} {median:.3g} in {len(values[system])}" +
                     (f" **{medians['sluice'] / median:.2f}x**" if system != "sluice" and "sluice" in medians else "")
                     for system, median in medians.items()]
            lines.append(f"- {work}, {kind}: {', '.join(cells)}")
    return "\n".join(lines)


def parse_options():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("binaries", type=pathlib.Path)
    parser.add_argument("peers", type=pathlib.Path, help="where fetched peers are")
    parser.add_argument("--only", default=",".join(WORKS), help="works, comma separated")
    parser.add_argument("--systems", default=",".join(peer_programs.SYSTEMS), help="systems, comma separated")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--quick", action="store_true",
                        help="two rounds of one second, one of the long works: within five minutes")
    parser.add_argument("--tuned", action="store_true", help="peers with 64 KiB buffers instead of their defaults")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--raw", type=pathlib.Path, help="every round, one JSON object a line")
    parser.add_argument("--profile", type=pathlib.Path,
                        help="a directory for what perf records of each round's proxies; it raises their figures")
    options = parser.parse_args()
    if options.profile:
        options.profile.mkdir(parents=True, exist_ok=True)
    if options.quick:
        options.rounds, options.seconds = 2, 1
    for given, known in ((options.only, WORKS), (options.systems, peer_programs.KNOWN)):
        if unknown := set(given.split(",")) - set(known):
            parser.error(f"unknown: {unknown.pop()}; known are {', '.join(known)}")
    return options


def find_systems(wanted, directory):
    """The systems that can run here, ours always first, and the peers' programs."""
    systems, programs = ["sluice"], {}
    for system in wanted.split(","):
        if system == "sluice":
            continue
        programs[system], reason = peer_programs.find_program(system, directory)
        if reason:
            print(f"{system}: not run: {reason}", file=sys.stderr)
            del programs[system]
        else:
            systems.append(system)
    return systems, programs


def main():
    options = parse_options()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # of everything that is started here
    works = options.only.split(",")
    systems, programs = find_systems(options.systems, options.peers)
    raw = []
    with Lab("bench", options.binaries.resolve()) as lab:
        bench = Bench(lab, options.seconds, programs, options.tuned, options.profile)
        bench.build()
        for work in [*(w for w in EARLY if w in works), *(w for w in works if w not in EARLY)]:
            once = work in ONE_ROUND or (options.quick and work in ONE_QUICK_ROUND)
            for number in range(1 if once else options.rounds):
                for system in systems if number % 2 == 0 else reversed(systems):
                    if (system, work) not in WITHOUT:
                        raw.append(bench.measure(system, work))
                        print(json.dumps(raw[-1]), file=sys.stderr, flush=True)
    rows = summarise(raw, works, systems)
    print(table(rows, raw, works, systems))
    if told := by_distance(raw, works, systems):
        print(f"\nBy whether the processors of load and proxies shared a cache, medians and rounds:\n\n{told}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    if options.raw:
        options.raw.write_text("".join(json.dumps(r) + "\n" for r in raw), encoding="utf-8")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        print(f"scripts/bench: {error}", file=sys.stderr)
        sys.exit(1)
