"""Policy changes on live traffic: in force well under a second, ends what it denies, touches nothing else."""
import time

import case
from case import TwoNodes, documents, wait_for


class LivePolicy(TwoNodes):
    lab_name = "policy"

    def tearDown(self):
        self.b.apply(documents.allow("web-clients", "web", self.clients))

    def test_denied_connection_ends_within_a_second_and_its_neighbour_lives(self):
        denied, kept = self.hold("client", "held-denied"), self.hold("neighbour", "held-kept")
        self.b.apply(documents.allow("web-clients", "web", ["neighbour"]))
        begin = time.monotonic()
        wait_for(lambda: "ended" in denied.read_text(), "the denied connection to end")
        self.assertLess(time.monotonic() - begin, 1.0)
        self.assert_alive(kept)
        self.assertNotEqual(self.curl("client").returncode, 0)
        self.assert_served("neighbour")

    def test_apply_is_in_force_when_it_returns(self):
        self.b.apply(documents.deny("a-deny-client", "web", ["client"]))
        try:
            self.assertNotEqual(self.curl("client").returncode, 0)
        finally:
            self.b.sluice("delete", "MeshTrafficPermission", "a-deny-client")
        self.assert_served("client")

    def test_resource_directory_is_watched(self):
        path = self.b.write_resource("extra", documents.deny("a-file-deny", "web", ["client"]))
        wait_for(lambda: self.curl("client").returncode != 0, "the new file to deny the client")
        path.unlink()
        wait_for(lambda: self.curl("client").returncode == 0, "the removed file to be forgotten")

    def test_permissive_serves_plaintext_and_strict_refuses_it(self):
        node = self.lab.run("a", "curl", "-sS", "--max-time", "5", f"http://{self.address['web'][0]}/", check=False)
        self.assertNotEqual(node.returncode, 0, "plaintext to a STRICT inbound")
        self.b.apply(documents.PERMISSIVE_TLS.replace("secure", "web"))
        try:
            node = self.lab.run("a", "curl", "-sS", "--max-time", "5", f"http://{self.address['web'][0]}/")
            self.assertIn(case.BODY, node.stdout)
            self.assert_served("client")
        finally:
            self.b.sluice("delete", "MeshTLS", "shop-tls-permissive")

    def test_passthrough_off_denies_what_is_not_in_the_mesh(self):
        self.lab.start("a", "plain", "/usr/bin/python3", "-m", "http.server", "8099", "--bind", "10.77.0.1")
        url = "http://10.77.0.1:8099/"
        wait_for(lambda: self.curl("client", url).returncode == 0, "the plain server")
        self.a.apply(documents.MESH.replace("passthrough: true", "passthrough: false"))
        try:
            done = self.curl("client", url)
            self.assertNotEqual(done.returncode, 0)
            out = self.a.sluice("explain", "--to", "10.77.0.1:8099", check=False).stdout
            self.assertIn("passthrough_denied", out)
            self.assert_served("client")
        finally:
            self.a.apply(documents.MESH)

    def test_explain_imagines_only_what_its_node_decides(self):
        """Permissions are enforced on the server's node, so the client's node must not claim to know them."""
        asked = ("explain", "--from", "client-1", "--to", f"{self.address['web'][0]}:80")
        here, there = self.a.json(*asked), self.b.json(*asked)
        self.assertEqual(here["verdict"], "allowed to leave this node", here)
        self.assertIn("node of web-1", here["next_step"])
        self.assertEqual(there["verdict"], "allowed", there)


if __name__ == "__main__":
    case.main()
