#!/usr/bin/env python3
"""Sluice against HAProxy: the same work through both in interleaved rounds (A B, B A, ...), on two nodes of a lab.

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
from lab import Lab, LabError, net  # noqa: E402
from lab.process import run, wait_for  # noqa: E402

LOAD_CORE, PROXY_CORE = 0, 1
# name: (what, mode, port, connections, unit, divisor of ns of CPU)
WORKS = {
    "W1": ("L4 bulk through one proxy, no TLS", "bulk", 7101, 1, "s/GB", 1),
    "W3": ("bulk over mutual TLS between two nodes", "bulk", 7101, 1, "s/GB", 1),
    "W4": ("new application connection across nodes", "connects", 7100, 8, "us", 1000),
    "W5": ("small request, 64 kept-alive connections", "requests", 7100, 64, "us", 1000),
}


def cpu_ns(pids):
    """CPU time of processes in ns. A thread that ends takes its time along; these proxies keep theirs."""
    total = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total


def core_busy(core):
    """Seconds that a core was not idle or was taken away by the host."""
    line = next(x for x in pathlib.Path("/proc/stat").read_text().splitlines() if x.startswith(f"cpu{core} "))
    fields = [int(x) for x in line.split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


class Bench:
    def __init__(self, lab, seconds):
        self.lab = lab
        self.seconds = seconds
        self.address = {}
        self.pids = {}

    def build(self):
        lab = self.lab
        lab.add_nodes("a", "b")
        for node, name in (("a", "client"), ("a", "near"), ("a", "bare"), ("b", "web")):
            self.address[name] = lab.add_workload(node, name)
        # The load's own ports must not be what limits it: with half of them waiting out their minute, connect() walks
        # the whole range each time.
        for name in ("client", "bare"):
            run(*net.inside(lab.netns(name), "sysctl", "-q", "-w", "net.ipv4.tcp_tw_reuse=1"))
        for name in ("near", "web"):
            self.start_origin(name)
        self.start_haproxy()
        self.start_sluice()

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
            documents.dataplane("near-1", "a", "near", address["near"], attach("near"), [7101]),
            documents.dataplane("web-1", "b", "web", address["web"], attach("web"), [7100, 7101]),
            documents.allow("web-clients", "web", ["client"]), documents.allow("near-clients", "near", ["client"])])
        pids = []
        for node in ("a", "b"):
            instance = lab.instance(node, **{"proxy.workers": 1, "proxy.access_log": "off", "log.level": "warn"})
            instance.write_resource("bench", text)
            instance.start()
            pids += instance.pids().values()
        self.adopt("sluice", pids)

    def start_haproxy(self):
        """Runs outside Sluice's workloads: its load comes from `bare`, which is not enrolled."""
        lab = self.lab
        directory = lab.directory / "tls"
        directory.mkdir()
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        run("openssl", "req", "-x509", *key, "-subj", "/CN=bench ca", "-keyout", directory / "ca.key", "-out",
            directory / "ca.crt")
        run("openssl", "req", "-x509", *key, "-subj", "/CN=bench", "-addext", "subjectAltName=DNS:bench", "-CA",
            directory / "ca.crt", "-CAkey", directory / "ca.key", "-keyout", directory / "leaf.key", "-out",
            directory / "leaf.crt", "-addext", "basicConstraints=critical,CA:FALSE")
        (directory / "leaf.pem").write_text((directory / "leaf.crt").read_text() + (directory / "leaf.key").read_text())
        self.far = lab.add_workload("b", "plain")
        self.address["plain-near"] = lab.add_workload("a", "plain-near")
        for name in ("plain", "plain-near"):
            self.start_origin(name)
        values = {"@DIR@": directory, "@WEB@": self.far[0], "@NEAR@": self.address["plain-near"][0]}
        pids = []
        for node, side in (("a", "client"), ("b", "server")):
            text = (HERE / f"peers/haproxy-{side}.cfg").read_text()
            for name, value in values.items():
                text = text.replace(name, str(value))
            config = directory / f"haproxy-{side}.cfg"
            config.write_text(text)
            pids.append(lab.start(node, f"haproxy-{side}", "haproxy", "-db", "-f", config).pid)
        wait_for(lambda: "7443" in run(*net.inside(lab.netns("b"), "ss", "-Hltn")).stdout, "HAProxy to listen")
        self.adopt("haproxy", pids)

    def adopt(self, system, pids):
        self.pids[system] = list(pids)
        for pid in pids:
            run("taskset", "-a", "-p", "-c", PROXY_CORE, pid)

    def measure(self, system, work):
        _, mode, port, connections, _, divisor = WORKS[work]
        if system == "sluice":
            where, host = "client", self.address["near" if work == "W1" else "web"][0]
        else:
            where, host, port = "bare", "10.77.0.1", 7201 if work == "W1" else port
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
        if int(units) == 0 or int(failed) > int(units) // 100:
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
            rows.append({"work": work, "system": system, "unit": WORKS[work][4], "median": statistics.median(values),
                         "min": min(values), "max": max(values), "rounds": len(values)})
    return rows


def table(rows, raw, works):
    lines = ["| work | sluice | haproxy | unit | ratio, median of rounds |", "|---|---|---|---|---|"]
    for work in works:
        cells = {r["system"]: f"{r['median']:.3g} ({r['min']:.3g}-{r['max']:.3g})" for r in rows if r["work"] == work}
        pairs = zip(*([r["value"] for r in raw if r["work"] == work and r["system"] == system]
                      for system in ("sluice", "haproxy")))
        ratio = statistics.median(a / b for a, b in pairs)
        lines.append(f"| {work}: {WORKS[work][0]} | {cells['sluice']} | {cells['haproxy']} | {WORKS[work][4]} | "
                     f"{ratio:.2f} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("binaries", type=pathlib.Path)
    parser.add_argument("--only", default=",".join(WORKS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    works = options.only.split(",")
    if unknown := set(works) - set(WORKS):
        parser.error(f"unknown work {unknown.pop()}; known are {', '.join(WORKS)}")
    systems, raw = ["sluice", "haproxy"], []
    with Lab("bench", options.binaries.resolve()) as lab:
        bench = Bench(lab, options.seconds)
        bench.build()
        for work in works:
            for number in range(options.rounds):
                for system in systems if number % 2 == 0 else reversed(systems):
                    raw.append(bench.measure(system, work))
                    print(json.dumps(raw[-1]), file=sys.stderr, flush=True)
    rows = summarise(raw, works, systems)
    print(table(rows, raw, works))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        print(f"scripts/bench: {error}", file=sys.stderr)
        sys.exit(1)
