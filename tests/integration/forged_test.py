"""What a stranger with a network, or with a stolen certificate, can say to the inbound of a workload under STRICT.

The control of every case is `test_what_a_client_of_the_mesh_may_say`: the same program with the right words is served.
"""
import time

import case
from case import BODY, PYTHON, SUPPORT, TwoNodes, wait_for
from lab.capture import Capture, flows_to
from lab.leaf import mesh_leaf, new_ca

REPLAY = """
import socket, sys
sent = bytes.fromhex(sys.stdin.read())
with socket.create_connection((sys.argv[1], 80), 5) as again:
    again.settimeout(5)
    data = b""
    try:
        again.sendall(sent)
        again.shutdown(socket.SHUT_WR)
        while part := again.recv(65536):
            data += part
    except OSError:
        pass
print(data.hex())
"""


class Forged(TwoNodes):
    lab_name = "forged"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client, cls.neighbour = (cls.address[name][0] for name in ("client", "neighbour"))
        cls.web = cls.address["web"][0]
        cls.leaf = mesh_leaf(cls.lab, "client", "spiffe://default/client")

    def ended(self, reason):
        return sum(row["value"] for row in self.b.json("metrics")["metrics"]
                   if row["name"] == "sluice_connections_ended_total" and f'reason="{reason}"' in row["labels"])

    def say(self, leaf, authority=None, client=None, alpn="sluice-h2"):
        """From the node itself, whose address is nobody's workload."""
        done = self.lab.run("a", PYTHON, SUPPORT / "tunnel_client.py", self.web, 80, *leaf, alpn,
                            authority or f"{self.web}:80", client or f"{self.client}:40000")
        return done.stdout.strip()

    def assert_forged(self, *words, reason="tunnel_forged", **options):
        before = self.ended(reason)
        said = self.say(*words, **options)
        self.assertNotIn("served", said)
        self.assertNotIn(BODY, said)
        wait_for(lambda: self.ended(reason) > before, f"the count of {reason} to rise; it said: {said}")

    def test_what_a_client_of_the_mesh_may_say(self):
        said = self.say(self.leaf)
        self.assertIn(BODY, said)
        self.assertIn(f"client={self.client}", said)

    def test_wrong_authority(self):
        for authority in (f"{self.web}:81", f"{self.neighbour}:80", "127.0.0.1:80", f"[::ffff:{self.web}]:81"):
            with self.subTest(authority):
                self.assert_forged(self.leaf, authority=authority)

    def test_client_address_of_another_identity(self):
        for client in (f"{self.neighbour}:40000", f"{self.web}:40000", "127.0.0.1:40000"):
            with self.subTest(client):
                self.assert_forged(self.leaf, client=client)
        self.assert_forged(mesh_leaf(self.lab, "neighbour", "spiffe://default/neighbour"))

    def test_identity_that_no_permission_names(self):
        self.assert_forged(mesh_leaf(self.lab, "nobody", "spiffe://default/nobody"), client="10.77.0.1:40000",
                           reason="permission_denied")

    def test_certificate_of_another_trust_domain(self):
        """From the mesh's own CA, from another one, and a name of two domains."""
        other = new_ca(self.lab, "elsewhere")
        self.assert_forged(mesh_leaf(self.lab, "other", "spiffe://other/client"), reason="tls_untrusted")
        self.assert_forged(mesh_leaf(self.lab, "far", "spiffe://default/client", ca=other), reason="tls_untrusted")
        self.assert_forged(mesh_leaf(self.lab, "both", "spiffe://default/client", "spiffe://other/client"),
                           reason="tls_untrusted")

    def test_one_connection_without_a_tunnel_is_judged_as_well(self):
        """ALPN `sluice` names no client: the identity alone decides, and the source address is the truth."""
        self.assertIn("client=10.77.0.1", self.say(self.leaf, alpn="sluice"))
        self.assert_forged(mesh_leaf(self.lab, "nobody2", "spiffe://default/nobody"), alpn="sluice",
                           reason="permission_denied")

    def test_plaintext_under_strict(self):
        before = self.ended("plaintext_refused")
        done = self.curl("a")
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn(BODY, done.stdout)
        self.assertGreater(self.ended("plaintext_refused"), before)

    def test_replay_of_a_recorded_connection(self):
        """Every byte that a client's proxy sent over the wire, sent again by somebody else: TLS keeps it useless."""
        capture = Capture(self.lab, self.lab.netns("b"), "wire")
        old = self.a.pids()["proxy"]
        case.run("kill", "-9", old)  # its tunnels end: the next request makes one with a whole handshake
        wait_for(lambda: (s := self.a.status(check=False)) and s["ready"] and s["proxy_pid"] not in (0, old),
                 "a new proxy", 20.0)
        self.assert_served("client")
        time.sleep(0.2)
        recorded = [flow for flow in flows_to(capture.stop(), self.web, 80) if flow[:1] == b"\x16"]
        self.assertTrue(recorded, "no connection of the mesh was recorded")
        log = self.lab.directory / self.lab.netns("web")
        served = (log.parent / f"{log.name}-nginx" / "access.log").read_text().count("\n")
        for flow in recorded:
            done = self.lab.run("a", PYTHON, "-c", REPLAY, self.web, stdin=flow.hex())
            self.assertNotIn(BODY.encode().hex(), done.stdout)
        self.assertEqual((log.parent / f"{log.name}-nginx" / "access.log").read_text().count("\n"), served,
                         "a replayed connection reached the application")


if __name__ == "__main__":
    case.main()
