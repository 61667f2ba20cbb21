"""Revoked identities: their live connections end within a second, new ones are refused, neighbours live on."""
import time

import case
from case import TwoNodes, wait_for


class Revocation(TwoNodes):
    lab_name = "revoke"

    def revoke(self, *lines):
        target = self.lab.directory / "ca" / "default" / "ca.revoked"
        partial = target.with_name(".revoked.tmp")
        partial.write_text("".join(line + "\n" for line in lines))
        partial.rename(target)

    def tearDown(self):
        self.revoke("# nothing")
        wait_for(lambda: self.curl("client").returncode == 0, "the client to be served again")

    def serial(self, workload):
        rows = self.a.json("certs")["certificates"]
        return next((row["serial"] for row in rows if row["workload"] == workload), None)

    def assert_ends(self, held):
        begin = time.monotonic()
        wait_for(lambda: "ended" in held.read_text(), "the revoked connection to end")
        self.assertLess(time.monotonic() - begin, 1.0)

    def test_revoked_name_ends_and_is_refused_and_its_neighbour_lives(self):
        revoked, kept = self.hold("client", "held-revoked"), self.hold("neighbour", "held-kept")
        self.revoke("spiffe://default/client  # its key was stolen")
        self.assert_ends(revoked)
        self.assertNotEqual(self.curl("client").returncode, 0)
        told = self.a.sluice("explain", "--to", f"{self.address['web'][0]}:80", check=False).stdout
        self.assertIn("tls_revoked", told)
        self.assertIsNone(self.serial("client-1"), "no certificate for a revoked name")
        self.assert_served("neighbour")
        self.assert_alive(kept)

    def test_revoked_serial_ends_and_the_workload_gets_another(self):
        revoked, kept = self.hold("client", "held-serial"), self.hold("neighbour", "held-beside")
        before = self.serial("client-1")
        self.revoke(before)
        self.assert_ends(revoked)
        wait_for(lambda: self.serial("client-1") not in (None, before), "another certificate")
        wait_for(lambda: self.curl("client").returncode == 0, "the new certificate to serve")
        self.assert_alive(kept)

    def test_bad_line_is_told_and_the_others_count(self):
        self.revoke("this is nothing", "spiffe://default/client")
        wait_for(lambda: self.curl("client").returncode != 0, "the good line to count")
        self.assertTrue(any("ca.revoked:1" in p for p in self.a.status()["problems"]), self.a.status())
        self.assert_served("neighbour")


if __name__ == "__main__":
    case.main()
