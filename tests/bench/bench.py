#!/usr/bin/env python3
"""Sluice against its peers: the same work in interleaved rounds (A B C, C B A, ...), on two nodes of a lab.

Proxies share core 1, load and origin core 0. The figure is the CPU time (user and system) of all of a system's
processes, from schedstat, per unit of work. Rounds in which others took more than 5 % of the proxies' core are marked
disturbed, none is dropped.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import demo_documents as documents  # noqa: E402
import peers as peer_programs  # noqa: E402
from lab import Lab, LabError, net  # noqa: E402
from lab.process import run  # noqa: E402

LOAD_CORE, PROXY_CORE = 0, 1
# name: (what, mode, port, connections, unit, divisor of ns of CPU)
WORKS = {
    "W1": ("L4 bulk through one proxy, no TLS", "bulk", 7101, 1, "s/GB", 1),
    "W2": ("new connection through one proxy, no TLS", "connects", 7100, 8, "us", 1000),
    "W3": ("bulk over mutual TLS between two nodes", "bulk", 7101, 1, "s/GB", 1),
    "W4": ("new application connection across nodes", "connects", 7100, 8, "us", 1000),
    "W5": ("small request, 64 kept-alive connections", "requests", 7100, 64, "us", 1000),
    "W10": ("memory of an idle node, PSS", "memory", 0, 0, "MB", 2e6),
}
NEAR = {"W1", "W2"}  # the origin is on the client's node, no TLS
WITHOUT = {("ztunnel", "W1"), ("ztunnel", "W2")}  # peers that do not do a work


def cpu_ns(pids):
    """CPU time of processes in ns. A thread that ends takes its time along; these proxies keep theirs."""
    total = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total


def with_children(pids):
    """The processes and what they started: nginx works in a child."""
    family = set(pids)
    while True:
        children = {int(child) for pid in family for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
                    for child in (task / "children").read_text().split()}
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


class Bench:
    def __init__(self, lab, seconds, programs, tuned):
        self.lab = lab
        self.peers = peer_programs.Peers(lab, programs, self.start_origin, tuned)
        self.seconds = seconds
        self.address = {}
        self.pids = {}

    def build(self):
        lab = self.lab
        lab.add_nodes("a", "b")
        for node, name in (("a", "client"), ("a", "near"), ("b", "web")):
            self.address[name] = lab.add_workload(node, name)
        for name in ("near", "web"):
            self.start_origin(name)
        self.peers.start()
        for system, pids in self.peers.pids.items():
            self.adopt(system, pids)
        self.start_sluice()
        # Ports must not be what limits anybody: with half of them waiting out their minute, connect() walks the whole
        # range each time.
        for name in ("a", "b", *lab.workloads):
            net.sysctl(lab.netns(name), "net.ipv4.tcp_tw_reuse", 1)

    def start_origin(self, name):
        self.lab.start(name, f"origin-{name}", "taskset", "-c", LOAD_CORE, self.lab.binaries / "bench_load", "serve",
                       7100)

    def start_sluice(self):
        lab, address = self.lab, self.address

        def attach(name):
            return ("netns", net.NETNS / lab.netns(name))
        text = "---".join([
            documents.MESH,
            documents.dataplane("client-1", "a", "client", address["client"], attach("client")),
            documents.dataplane("near-1", "a", "near", address["near"], attach("near"), [7100, 7101]),
            documents.dataplane("web-1", "b", "web", address["web"], attach("web"), [7100, 7101]),
            documents.allow("web-clients", "web", ["client"]), documents.allow("near-clients", "near", ["client"])])
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

    def measure_memory(self, system):
        """PSS of all processes of a system on both nodes; Sluice's agent and keeper count as well as its proxy."""
        parts = {}
        for pid in self.pids[system]:
            name = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
            parts.setdefault(name, []).append(pss_bytes(pid))
        total = sum(sum(sizes) for sizes in parts.values())
        return {"work": "W10", "system": system, "value": total / WORKS["W10"][5], "units": 1, "failed": 0,
                "parts": parts, "disturbed": False}

    def measure(self, system, work):
        _, mode, port, connections, _, divisor = WORKS[work]
        if mode == "memory":
            return self.measure_memory(system)
        near = work in NEAR
        if system == "sluice":
            where, host = "client", self.address["near" if near else "web"][0]
        else:
            where, host, port = self.peers.target(system, port, near)
        command = net.inside(self.lab.netns(where), "taskset", "-c", LOAD_CORE, self.lab.binaries / "bench_load", mode,
                             host, port, connections, self.seconds)
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            if child.stdout.readline().strip() != "measure":
                raise LabError(f"{work} through {system}: the generator ended early")
            before, busy = cpu_ns(self.pids[system]), core_busy(PROXY_CORE)
            _, units, failed = child.stdout.readline().split()
            spent, busy = cpu_ns(self.pids[system]) - before, core_busy(PROXY_CORE) - busy
        finally:
            if child.poll() is None:
                child.kill()
            child.wait()
        if int(units) == 0 or int(failed) > (0 if mode == "bulk" else int(units) // 100):
            raise LabError(f"{work} through {system}: {units} units, {failed} failed\n"
                           + "\n".join(i.tail() for i in self.lab.instances.values()))
        foreign = max(0.0, busy - spent / 1e9) / self.seconds
        return {"work": work, "system": system, "value": spent / int(units) / divisor, "units": int(units),
                "failed": int(failed), "foreign": round(foreign, 3), "disturbed": foreign > 0.05}


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


def parse_options():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("binaries", type=pathlib.Path)
    parser.add_argument("peers", type=pathlib.Path, help="where fetched peers are")
    parser.add_argument("--only", default=",".join(WORKS), help="works, comma separated")
    parser.add_argument("--systems", default=",".join(peer_programs.SYSTEMS), help="systems, comma separated")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--quick", action="store_true", help="two rounds of one second: within five minutes")
    parser.add_argument("--tuned", action="store_true", help="peers with 64 KiB buffers instead of their defaults")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--raw", type=pathlib.Path, help="every round, one JSON object a line")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 2, 1
    for given, known in ((options.only, WORKS), (options.systems, peer_programs.SYSTEMS)):
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
    works = options.only.split(",")
    systems, programs = find_systems(options.systems, options.peers)
    raw = []
    with Lab("bench", options.binaries.resolve()) as lab:
        bench = Bench(lab, options.seconds, programs, options.tuned)
        bench.build()
        # Memory first, while nobody has carried anything yet.
        for work in sorted(works, key=lambda name: name != "W10"):
            for number in range(options.rounds):
                for system in systems if number % 2 == 0 else reversed(systems):
                    if (system, work) not in WITHOUT:
                        raw.append(bench.measure(system, work))
                        print(json.dumps(raw[-1]), file=sys.stderr, flush=True)
    rows = summarise(raw, works, systems)
    print(table(rows, raw, works, systems))
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
