"""Two workloads of one node: joined without encryption, unless a Dataplane demands encryption all the same.

The wire is watched between the node and the server's namespace. Host processes and their cgroups, systemd units' ones
included, are workloads of the same kind.
"""
import case
from case import BODY, PYTHON, TwoNodes, documents, programs, wait_for
from lab.lab import cgroup2_mount

SECRET = "same-node-payload"
WATCH = """
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind((sys.argv[1], 0))
print("watching", flush=True)
while True:
    data = s.recv(65535)
    if sys.argv[2].encode() in data:
        print("plain", flush=True)
    if b"\\x16\\x03\\x01" in data[54:90]:
        print("tls", flush=True)
"""


class SameNode(TwoNodes):
    lab_name = "same"
    settings = {"capture.probers": ["sluice-lab-same/prober"]}

    @classmethod
    def documents(cls):
        cls.lab.cgroup("prober")  # before the daemons start
        return super().documents()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.address["shop"] = cls.lab.add_workload("a", "shop")
        programs.nginx(cls.lab, cls.lab.netns("shop"), body=BODY)

    def declare(self, extra=""):
        attach = case.netns_attach(self.lab, "shop")
        text = documents.dataplane("shop-1", "a", "shop", self.address["shop"], attach, [80], "http")
        self.a.apply(text.rstrip() + "\n" + extra + "---" + documents.allow("shop-clients", "shop", ["client", "unit"]))
        wait_for(lambda: any(w["name"] == "shop-1" and w["ready"] for w in self.a.json("workloads")["workloads"]),
                 "the shop to be ready")

    def watch(self, name):
        route = self.lab.run("a", "ip", "-o", "route", "get", self.address["shop"][0]).stdout.split()
        log = self.lab.directory / f"{name}.log"
        child = self.lab.start("a", name, PYTHON, "-u", "-c", WATCH, route[route.index("dev") + 1], SECRET)
        self.addCleanup(self.lab.processes.end, child)
        wait_for(lambda: log.exists() and "watching" in log.read_text(), "the watcher")
        return log

    def call(self):
        done = self.curl("client", f"http://{self.address['shop'][0]}/?{SECRET}")
        self.assertEqual(done.returncode, 0, done.stderr + self.a.tail())
        self.assertIn(f"client={self.address['client'][0]}", done.stdout)

    def test_short_cut_puts_nothing_on_the_wire(self):
        self.declare()
        log = self.watch("watch-short")
        self.call()
        self.assert_served("client")
        self.assertNotIn("plain", log.read_text())
        self.assertNotIn("tls", log.read_text())

    def test_demand_is_met_by_mesh_tls(self):
        self.declare("  encryptSameNode: true\n")
        log = self.watch("watch-demand")
        self.call()
        wait_for(lambda: "tls" in log.read_text(), "TLS on the wire")
        self.assertNotIn("plain", log.read_text())
        self.a.apply(documents.deny("a-shop-deny", "shop", ["client"]))
        try:
            self.assertNotEqual(self.curl("client", f"http://{self.address['shop'][0]}/").returncode, 0)
        finally:
            self.a.sluice("delete", "MeshTrafficPermission", "a-shop-deny")
        self.call()

    def test_demand_of_a_host_process_is_refused_with_a_reason(self):
        text = documents.dataplane("host-1", "a", "unit", ("10.77.0.1",), ("cgroup", "/sl-same-none"))
        done = self.a.sluice("apply", "-f", "-", stdin=text.rstrip() + "\n  encryptSameNode: true\n", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("needs a network namespace of the workload's own", done.stdout + done.stderr)

    def test_systemd_unit_calls_by_its_cgroup(self):
        """The cgroup that systemd would make for a unit; the unit is named, its processes are identified."""
        self.declare("  encryptSameNode: true\n")
        unit = "sl-same-call.service"
        slice_ = cgroup2_mount() / "system.slice"
        made = [path for path in (slice_, slice_ / unit) if not path.exists()]
        for path in made:
            path.mkdir()
        self.addCleanup(lambda: [path.rmdir() for path in reversed(made)])
        self.a.apply(documents.dataplane("unit-1", "a", "unit", ("10.77.0.1", "fd77::1"), ("unit", unit)))
        self.addCleanup(self.a.sluice, "delete", "Dataplane", "unit-1")
        wait_for(lambda: any(w["name"] == "unit-1" and w["ready"] for w in self.a.json("workloads")["workloads"]),
                 "the unit to be enrolled")
        url = f"http://{self.address['shop'][0]}/"
        plain = self.curl("a", url)
        self.assertNotEqual(plain.returncode, 0, "a stranger on the host was served by a STRICT inbound")
        done = self.lab.run("a", "sh", "-c", 'echo 0 > "$0/cgroup.procs" && exec curl -sS --max-time 5 "$1"',
                            slice_ / unit, url, check=False)
        self.assertEqual(done.returncode, 0, done.stderr + self.a.tail())
        self.assertIn("client=10.77.0.1", done.stdout)

    def test_probers_cgroup_reaches_the_application_unproxied(self):
        """What kubelet does: from its cgroup the probe passes a STRICT inbound, from anywhere else it does not."""
        self.declare()
        url = f"http://{self.address['shop'][0]}/"
        self.assertNotEqual(self.curl("a", url).returncode, 0)
        done = self.lab.run("a", "sh", "-c", 'echo 0 > "$0/cgroup.procs" && exec curl -sS --max-time 5 "$1"',
                            self.lab.cgroup("prober"), url, check=False)
        self.assertEqual(done.returncode, 0, done.stderr + self.a.tail())
        self.assertIn("client=", done.stdout)


if __name__ == "__main__":
    case.main()
