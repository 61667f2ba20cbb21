"""No way round: what an enrolled workload under default-deny egress can try with a container's default capabilities.

Every attempt is made twice: by a workload that is not enrolled, from which it must be seen on the wire between the
nodes (else the attempt proves nothing), and by the enrolled one, from which nothing may be seen.
"""
import textwrap
import time

import case
from case import PYTHON, SUPPORT, TwoNodes, net, wait_for

# What container runtimes leave to a container that asks for nothing.
CAPABILITIES = ",".join("+" + name for name in (
    "chown", "dac_override", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap", "net_bind_service", "net_raw",
    "sys_chroot", "mknod", "audit_write", "setfcap"))
PORT = 4242
FENCE = 4243
HELD = 4244

REFUSED_BY_HOOK = {
    "plain": "passthrough_denied", "plain_ipv6": "passthrough_denied", "forged_mark": "passthrough_denied",
    "bind_to_device": "passthrough_denied", "fast_open": "passthrough_denied", "mptcp": "passthrough_denied",
    "v4_mapped": "passthrough_denied", "io_uring": "passthrough_denied", "udp": "udp_denied",
    "udp_connected_ipv6": "udp_denied", "quic": "udp_denied",
}
DROPPED_BY_GUARD = {
    "raw_syn": "guard_syn", "raw_syn_ipv6": "guard_syn", "packet_socket": "guard_syn",
    "packet_socket_bypass": "guard_syn", "xdp_socket": "guard_syn", "fragmented_syn": "guard_fragment",
    "fragmented_syn_ipv6": "guard_fragment", "extension_headers": "guard_syn", "routing_header": "guard_protocol",
    "source_route": "udp_denied", "udp_raw": "udp_denied", "sctp": "guard_protocol",
    "tunnel_in_ip": "guard_protocol", "ping": "guard_protocol", "vlan": "guard_protocol",
}
# Routers drop these in any case, so the attempt cannot be shown to arrive without us; the guard's count is the proof.
NOT_FORWARDED = {"source_route", "vlan"}


class NoWayRound(TwoNodes):
    lab_name = "bypass"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name in ("loose", "fence"):
            cls.address[name] = cls.lab.add_workload("a", name)
        cls.address["far"] = cls.lab.add_workload("b", "far")
        for name in ("client", "loose", "far"):
            net.snapshot(cls.lab.netns(name))  # waits until its addresses are settled
        cls.watch_log = cls.lab.directory / "watch.log"
        cls.lab.start("b", "watch", PYTHON, SUPPORT / "watch.py", "wire")
        wait_for(lambda: cls.watch_log.exists() and "watching" in cls.watch_log.read_text(), "the watcher to listen")
        server = ("import socket,threading\nfor f,a in ((2,'0.0.0.0'),(10,'::')):\n"
                  " s=socket.socket(f); s.setsockopt(41,26,1) if f==10 else 0; s.bind((a,4242)); s.listen(64)\n"
                  " threading.Thread(target=lambda s=s: [s.accept()[0].close() for _ in iter(int,1)]).start()")
        cls.lab.start("far", "far-server", PYTHON, "-c", server)
        holder = ("import socket; s=socket.create_server(('0.0.0.0',4244)); c=s.accept()[0]\n"
                  "while c.recv(65536): pass")
        cls.lab.start("far", "far-holder", PYTHON, "-c", holder)
        wait_for(lambda: cls.lab.run("far", "ss", "-Hltn").stdout.count(":424") == 3, "the far servers to listen")

    @classmethod
    def documents(cls):
        return super().documents().replace("passthrough: true", "passthrough: false")

    def attempt(self, where, name, *prefix, capabilities=CAPABILITIES):
        command = ["setpriv", f"--bounding-set=-all,{capabilities}", f"--inh-caps=-all,{capabilities}", PYTHON,
                   SUPPORT / "attempts.py", name, *self.address["far"], PORT, "eth0"]
        return self.lab.run(where, *prefix, *command).stdout.strip()

    def seen(self, where):
        """Packets that came from a workload over the wire up to now: one sent after them must have been seen first."""
        begin = time.monotonic_ns() % 1400 + 1
        before = self.watch_log.read_text().count(f" 17 {FENCE} ")
        script = f"import socket; socket.socket(2,2).sendto(b'f'*{begin},('{self.address['far'][0]}',{FENCE}))"
        self.lab.run("fence", PYTHON, "-c", script)
        wait_for(lambda: self.watch_log.read_text().count(f" 17 {FENCE} ") > before, "the fence to be seen")
        own = self.address[where]
        return [line for line in self.watch_log.read_text().splitlines()
                if line.startswith((f"{own[0]} ", f"{own[1]} ", "- -"))]

    def counted(self, reason, workload="client-1"):
        wanted = f'workload="{workload}",reason="{reason}"'
        return sum(row["value"] for row in self.a.json("metrics")["metrics"]
                   if row["name"] == "sluice_kernel_verdicts_total" and wanted in row["labels"])

    def check(self, name, reason, *prefix, capabilities=CAPABILITIES):
        with self.subTest(name):
            before = self.seen("loose")
            said = self.attempt("loose", name, *prefix, capabilities=capabilities)
            if name not in NOT_FORWARDED:
                self.assertGreater(len(self.seen("loose")), len(before), f"the attempt itself does nothing: {said}")
            before, count = self.seen("client"), self.counted(reason)
            said = self.attempt("client", name, *prefix, capabilities=capabilities)
            self.assertEqual(self.seen("client")[len(before):], [], f"{name} got out: {said}")
            self.assertGreater(self.counted(reason), count, f"{name} was not counted as {reason}: {said}")

    def test_sockets_meet_the_connect_hook(self):
        for name, reason in REFUSED_BY_HOOK.items():
            self.check(name, reason)

    def test_packets_meet_the_guard(self):
        for name, reason in DROPPED_BY_GUARD.items():
            self.check(name, reason)

    def test_segments_without_a_connection_meet_the_guard(self):
        for name in ("raw_ack_data", "raw_ack_data_ipv6", "raw_syn_ack", "raw_bare_flags"):
            self.check(name, "guard_segment")

    def test_connection_from_before_enrolment(self):
        """It was opened while nothing judged it; once egress is closed, what it sends goes nowhere."""
        self.lab.add_workload("a", "late")
        self.address["late"] = self.lab.workloads["late"][1:]
        net.snapshot(self.lab.netns("late"))
        script = textwrap.dedent("""
            import socket, sys, time
            s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
            print("open", flush=True)
            while True:
                s.send(b"x"); time.sleep(0.05)
            """)
        log = self.lab.directory / "late.log"
        self.lab.start("late", "late", PYTHON, "-c", script, self.address["far"][0], HELD)
        wait_for(lambda: log.exists() and "open" in log.read_text(), "the old connection to open")
        wait_for(lambda: any(" 24" in line for line in self.seen("late")), "its data to be seen")
        self.a.apply(case.documents.dataplane("late-1", "a", "late", self.address["late"],
                                              case.netns_attach(self.lab, "late")))
        wait_for(lambda: self.counted("guard_segment", "late-1") > 0, "the guard to drop its data")
        before = len(self.seen("late"))
        count = self.counted("guard_segment", "late-1")
        wait_for(lambda: self.counted("guard_segment", "late-1") > count, "another retransmission to be dropped")
        self.assertEqual([line for line in self.seen("late")[before:] if line.endswith(" 24")], [])

    def test_cgroups_do_not_matter(self):
        """A child cgroup made by the workload, and a process that moved: the namespace is what counts."""
        for name in ("child_cgroup", "moved_cgroup"):
            cgroup = self.lab.cgroup(name) / "deeper"
            cgroup.mkdir(exist_ok=True)
            enter = ["sh", "-c", 'echo 0 > "$0/cgroup.procs"; exec "$@"', str(cgroup)]
            self.check(name, "passthrough_denied", *enter)

    def test_listening_socket_of_another_workload(self):
        """Listening on a port that a neighbour serves steals nothing: steering goes by namespace."""
        script = ("import socket; s=socket.socket(); s.setsockopt(1,2,1); s.setsockopt(1,15,1); s.bind(('0.0.0.0',80));"
                  "s.listen(); s.settimeout(3)\n"
                  "try: s.accept(); print('stolen')\nexcept OSError: print('nothing')")
        thief = self.lab.directory / "thief.log"
        child = self.lab.start("neighbour", "thief", PYTHON, "-c", script)
        for _ in range(5):
            self.assert_served("client")
        child.wait(10)
        self.assertEqual(thief.read_text().strip(), "nothing")

    def test_own_address_stays_inside(self):
        own4, own6 = self.address["client"]
        before = len(self.seen("client"))
        for url in (f"http://{own4}:{PORT}/", f"http://[{own6}]:{PORT}/"):
            self.assertEqual(self.curl("client", url).returncode, 7, "nobody listens there")
        self.assertEqual(self.seen("client")[before:], [])

    def test_net_admin_does_not_help(self):
        for name in ("forged_mark", "bind_to_device"):
            self.check(name, "passthrough_denied", capabilities=CAPABILITIES + ",+net_admin")


if __name__ == "__main__":
    case.main()
