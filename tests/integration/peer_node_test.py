"""The peer node goes away, comes back without what it knew, or as somebody else; the event ring overflows."""
import os
import signal
import time

import case
from case import BODY, PYTHON, TwoNodes, run, wait_for

DENIED = """
import socket, sys
out, denied = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0
for _ in range(int(sys.argv[2])):
    try:
        out.sendto(b"x", (sys.argv[1], 9))
    except OSError:
        denied += 1
print(denied)
"""


class PeerNode(TwoNodes):
    lab_name = "peer"
    settings = {"limits.events": 64}

    @classmethod
    def documents(cls):
        return super().documents().replace("passthrough: true", "passthrough: false")

    def wire(self, state):
        run("ip", "-n", self.lab.netns("a"), "link", "set", "wire", state)
        if state == "down":
            return
        # The kernel forgets what led over a wire that was down.
        node = self.lab.netns("a")
        run("ip", "-n", node, "route", "replace", "10.77.2.0/24", "via", "10.77.0.2")
        run("ip", "-n", node, "-6", "addr", "replace", "fd77::1/64", "dev", "wire", "nodad")
        run("ip", "-n", node, "-6", "route", "replace", "fd77:2::/64", "via", "fd77::2")

    def ended(self, instance, reason):
        return sum(row["value"] for row in instance.json("metrics")["metrics"]
                   if row["name"] == "sluice_connections_ended_total" and f'reason="{reason}"' in row["labels"])

    def test_short_absence_cuts_nothing(self):
        held = self.hold("neighbour", "held-absence")
        self.wire("down")
        self.addCleanup(self.wire, "up")
        time.sleep(2)
        self.wire("up")
        wait_for(lambda: self.curl("client").returncode == 0, "service after the absence")
        self.assert_alive(held)

    def test_new_connections_end_with_a_reason_while_it_is_away(self):
        self.assert_served("client")
        self.wire("down")
        self.addCleanup(self.wire, "up")
        begin = time.monotonic()
        done = self.curl("client")
        self.assertNotEqual(done.returncode, 0)
        self.assertLess(time.monotonic() - begin, 6)
        self.wire("up")
        wait_for(lambda: self.curl("client").returncode == 0, "service after the absence")

    def test_half_open_tunnels_are_found_out(self):
        """While the wire is down the far proxy dies: what this node holds open is known to nobody over there."""
        self.assert_served("client")
        self.wire("down")
        self.addCleanup(self.wire, "up")
        old = self.b.pids()["proxy"]
        run("kill", "-9", old)
        wait_for(lambda: (s := self.b.status(check=False)) and s["ready"] and s["proxy_pid"] not in (0, old),
                 "a new proxy", 20.0)
        self.wire("up")
        wait_for(lambda: self.curl("client").returncode == 0, "service on a new tunnel")
        for _ in range(20):
            self.assert_served("client")

    def test_peer_with_another_certificate_gets_nothing(self):
        held = self.lab.directory / "ca"
        self.b.stop()
        self.b.settings["identity.ca_dir"] = str(self.lab.directory / "ca-of-a-stranger")
        self.b.start()
        try:
            before = self.ended(self.a, "tls_untrusted")
            for _ in range(3):
                done = self.curl("client")
                self.assertNotEqual(done.returncode, 0)
                self.assertNotIn(BODY, done.stdout)
            self.assertGreater(self.ended(self.a, "tls_untrusted"), before, self.a.tail())
        finally:
            self.b.stop()
            self.b.settings["identity.ca_dir"] = str(held)
            self.b.start()
        wait_for(lambda: self.curl("client").returncode == 0, "service once it is itself again")

    def test_overflowing_event_ring_loses_records_but_no_denial(self):
        """Far more denials than the ring holds while nobody reads it: all are denied and counted."""
        def counted():
            return sum(row["value"] for row in self.a.json("metrics")["metrics"]
                       if row["name"] == "sluice_kernel_verdicts_total" and 'reason="udp_denied"' in row["labels"]
                       and 'workload="client-1"' in row["labels"])
        count, agent = 20_000, self.a.pids()["agent"]
        before = counted()
        os.kill(agent, signal.SIGSTOP)
        try:
            done = self.lab.run("client", PYTHON, "-c", DENIED, "10.77.0.2", count)
        finally:
            os.kill(agent, signal.SIGCONT)
        self.assertEqual(int(done.stdout), count)
        wait_for(lambda: self.a.status(check=False), "the agent to answer again")
        self.assertEqual(counted() - before, count)
        self.lab.run("client", PYTHON, "-c", DENIED, "10.77.0.2", 1)
        wait_for(lambda: "udp_denied" in self.a.sluice("explain", "--to", "10.77.0.2:9", check=False).stdout,
                 "new denials to be recorded again", 5.0)
        self.assert_served("client")


if __name__ == "__main__":
    case.main()
