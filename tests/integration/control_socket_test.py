"""The control socket on the real daemon: who may use it, and what becomes of an oversized or stalled client."""
import os
import socket
import time

import case
from case import TwoNodes, run

STRANGER = 61000  # user and group of nobody on this machine
CONNECTIONS_MAX, IDLE_SECONDS = 32, 15  # control/server.h


class ControlSocket(TwoNodes):
    lab_name = "control"
    settings = {"control.group": "nogroup"}

    def setUp(self):
        self.held = self.hold("neighbour", f"held-{self._testMethodName}")

    def tearDown(self):
        self.assert_alive(self.held)
        self.assertTrue(self.b.status()["ready"])

    def as_user(self, groups, *verb, stdin=None):
        for directory in (self.b.socket.parent, *self.b.socket.parent.parents[:3]):
            os.chmod(directory, 0o755)
        return run("setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", *groups, self.lab.binaries / "sluice",
                   "--socket", self.b.socket, *verb, check=False, stdin=stdin)

    def connect(self):
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.settimeout(IDLE_SECONDS * 2)
        client.connect(str(self.b.socket))
        return client

    def test_a_stranger_is_refused_and_told_what_to_do(self):
        done = self.as_user(("--clear-groups",), "status")
        self.assertEqual(done.returncode, 1)
        self.assertIn("group `sluice`", done.stderr + done.stdout)

    def test_a_member_may_look_but_not_change(self):
        member = ("--groups=nogroup",)
        done = self.as_user(member, "status")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        done = self.as_user(member, "apply", "-f", "-", stdin=case.documents.MESH)
        self.assertEqual(done.returncode, 1)
        self.assertIn("look but not change", done.stdout + done.stderr)

    def test_a_body_beyond_the_limit_is_refused(self):
        client = self.connect()
        client.sendall(b"POST /v1/resources HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
        self.assertTrue(client.recv(4096).startswith(b"HTTP/1.1 413"))

    def test_as_many_stalled_clients_as_fit_are_closed(self):
        begin = time.monotonic()
        slow = [self.connect() for _ in range(CONNECTIONS_MAX)]
        for client in slow:
            client.sendall(b"GET /v1/status HTTP/1.1\r\nHos")
        self.assertEqual(slow[0].recv(1), b"", "a client that stalls in its headers is closed")
        self.assertGreater(time.monotonic() - begin, IDLE_SECONDS / 2)


if __name__ == "__main__":
    case.main()
