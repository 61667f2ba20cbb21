"""Bad input: each gets a clear error or a refusal with a reason, and a neighbouring connection lives through it."""
import os
import socket
import subprocess
import textwrap
import time

import case
from case import TwoNodes, documents, net, run, wait_for
from lab.leaf import mesh_leaf

GARBAGE = {
    "binary": bytes(range(256)) * 8,
    "half a ClientHello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"A" * 20,
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "huge record": b"\x16\x03\x03\xff\xff" + b"B" * 70000,
}


class BadInput(TwoNodes):
    lab_name = "bad"

    def setUp(self):
        self.held = self.hold("neighbour", f"held-{self._testMethodName}")

    def tearDown(self):
        self.assert_alive(self.held)
        self.assert_served("client")

    def refused(self, text, *words):
        done = self.b.sluice("apply", "-f", "-", stdin=text, check=False)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        for word in words:
            self.assertIn(word, done.stdout + done.stderr)

    def test_broken_yaml(self):
        self.refused("type: Mesh\nname: [unclosed\n", ":")

    def test_yaml_bombs(self):
        self.refused("a: &a [x]\n" + "".join(f"b{i}: &b{i} [{', '.join(['*a' if i == 0 else f'*b{i-1}'] * 9)}]\n"
                                             for i in range(12)))
        self.refused("[" * 100000)

    def test_unknown_kind(self):
        self.refused("type: MeshMystery\nname: x\nmesh: default\nspec: {}\n", "MeshMystery")

    def test_old_kind_names_its_replacement(self):
        self.refused("type: TrafficPermission\nname: x\nmesh: default\n", "MeshTrafficPermission")

    def test_policy_that_fails_validation(self):
        self.refused("type: MeshTimeout\nname: x\nmesh: default\nspec:\n  targetRef: {kind: Mesh}\n  to:\n"
                     "  - targetRef: {kind: Mesh}\n    default: {connectionTimeout: -1s}\n", "connectionTimeout")

    def test_bad_file_keeps_the_last_good_version(self):
        path = self.b.write_resource("flip", documents.deny("a-flip", "web", ["client"]))
        wait_for(lambda: self.curl("client").returncode != 0, "the good version to be in force")
        self.b.write_resource("flip", "type: MeshTrafficPermission\nname: a-flip\nmesh: default\nspec: 7\n")
        wait_for(lambda: self.b.status()["resources_bad"] > 0, "the bad version to be reported")
        self.assertNotEqual(self.curl("client").returncode, 0, "the last good version stays in force")
        path.unlink()
        wait_for(lambda: self.curl("client").returncode == 0, "the file's removal to be noticed")

    def test_missing_namespace_and_cgroup(self):
        for attach in (("netns", "/run/netns/sl-bad-nowhere"), ("cgroup", "/sys/fs/cgroup/sl-bad-nowhere")):
            name = f"ghost-{attach[0]}"
            self.b.apply(documents.dataplane(name, "b", "ghost", ("10.77.2.200",), attach))
            row = wait_for(lambda: next((w for w in self.b.json("workloads")["workloads"]
                                         if w["name"] == name and w["problem"]), None), "the problem to be shown")
            self.assertFalse(row["ready"])
            self.assertIn("nowhere", row["problem"])
            self.b.sluice("delete", "Dataplane", name)

    def test_hostile_documents(self):
        laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
            f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 30))
        hostile = {"large": b"a" * 100_000_000, "deep": b"[" * 10_000 + b"]" * 10_000, "laughs": laughs.encode(),
                   "utf8": b"type: Mesh\nname: \xff\n"}
        before = self.b.sluice("get").stdout
        for name, data in hostile.items():
            with self.subTest(name):
                path = self.lab.directory / f"hostile-{name}.yaml"
                path.write_bytes(data)
                for verb in (("apply", "-f"), ("policy", "check")):
                    started = time.monotonic()
                    done = self.b.sluice(*verb, path, check=False)
                    self.assertEqual(1, done.returncode, done.stdout + done.stderr)
                    self.assertRegex(done.stdout + done.stderr, "larger|deeper|aliases|UTF-8")
                    self.assertLess(time.monotonic() - started, 20)
        self.assertEqual(before, self.b.sluice("get").stdout)

    def start_expecting_failure(self, *extra, prefix=()):
        """A further daemon that must refuse to start; returns what it printed."""
        command = net.inside(self.lab.netns("b"), *prefix, self.lab.binaries / "sluiced",
                             "--config", self.b.config, *extra)
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=30)
        self.assertNotEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_second_instance(self):
        self.assertRegex(self.start_expecting_failure(), "another|already|in use|lock")

    def test_port_in_use(self):
        out = self.start_expecting_failure("--paths.state_dir", str(self.lab.directory / "s2"), "--paths.run_dir",
                                           str(self.lab.directory / "r2"), "--paths.pin_root",
                                           "/sys/fs/bpf/sluice-lab-bad-second", "--paths.cgroup",
                                           str(self.lab.cgroups / "second"), "--metrics.address", "127.0.0.1:80",
                                           prefix=(case.PYTHON, "-c", textwrap.dedent("""
                                               import os, socket, subprocess, sys
                                               s = socket.create_server(("127.0.0.1", 80))
                                               sys.exit(subprocess.run(sys.argv[1:]).returncode)""")))
        self.assertIn("127.0.0.1:80", out)

    def test_no_privileges(self):
        out = self.start_expecting_failure(prefix=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                                   "--bounding-set=-all", "--inh-caps=-all"))
        self.assertRegex(out, "root|privilege|CAP_|permission|denied")

    def test_unknown_configuration_key(self):
        out = self.start_expecting_failure("--node.nmae", "x")
        self.assertIn("nmae", out)

    def test_full_disk(self):
        state = self.lab.directory / "node-b/state/resources"
        run("mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", state)
        try:
            text = documents.allow("big", "web", [f"client-{i:05}" for i in range(900)])
            done = self.b.sluice("apply", "-f", "-", stdin=text, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stdout + done.stderr, "[Nn]o space left")
            self.assertNotIn("big", self.b.sluice("get", "MeshTrafficPermission").stdout)
        finally:
            run("umount", state)

    def test_garbage_on_an_inbound(self):
        for name, data in GARBAGE.items():
            with self.subTest(name):
                script = ("import socket,sys; s=socket.create_connection((sys.argv[1],80),5); s.settimeout(5)\n"
                          "try:\n s.sendall(bytes.fromhex(sys.stdin.read())); print(len(s.recv(1000)))\n"
                          "except OSError: print(0)")
                done = self.lab.run("a", case.PYTHON, "-c", script, self.address["web"][0], stdin=data.hex())
                self.assertEqual(done.stdout.strip(), "0", "a STRICT inbound answered garbage")
                self.assertRegex(self.said_of_stranger(), "refused, (plaintext_refused|tls_\\w+)|handshake_timeout")

    def said_of_stranger(self):
        """What node b tells of the newest connection from node a's own address."""
        return self.b.sluice("explain", "--client", "10.77.0.1", check=False).stdout

    def offer(self, certificate, key):
        """Somebody in node a's own namespace opens mesh TLS to web with this certificate."""
        done = self.lab.run("a", "openssl", "s_client", "-connect", f"{self.address['web'][0]}:80", "-alpn", "sluice",
                            "-cert", certificate, "-key", key, "-quiet", stdin="GET / HTTP/1.0\r\n\r\n", check=False,
                            timeout=20)
        self.assertNotIn(case.BODY, done.stdout)

    def test_strangers_tls(self):
        directory = self.lab.directory
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "1", "-subj", "/O=stranger", "-addext", "subjectAltName=URI:spiffe://default/client", "-keyout",
            directory / "stranger.key", "-out", directory / "stranger.crt")
        self.offer(directory / "stranger.crt", directory / "stranger.key")
        self.assertIn("tls_untrusted", self.said_of_stranger())

    def test_expired_certificate(self):
        self.offer(*mesh_leaf(self.lab, "expired", "spiffe://default/client", days=-1))
        self.assertIn("tls_expired", self.said_of_stranger())

    def test_garbage_on_the_control_socket(self):
        for data in (b"\x00" * 5000, b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n", b"POST /v1/resources HTTP/1.1\r\n"
                     b"Content-Length: 99999999999\r\n\r\n", b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n"):
            with socket.socket(socket.AF_UNIX) as control:
                control.settimeout(5)
                control.connect(str(self.b.socket))
                try:
                    control.sendall(data)
                    control.shutdown(socket.SHUT_WR)
                    answer = control.recv(4096)
                except OSError:
                    answer = b""
                self.assertFalse(answer.startswith(b"HTTP/1.1 2"), answer)
        self.assertTrue(self.b.status()["ready"])

    def test_direct_connection_to_the_proxys_listener(self):
        out = self.lab.run("web", "ss", "-Hltn").stdout
        ports = {int(line.split()[3].rsplit(":", 1)[1]) for line in out.splitlines()} - {80}
        self.assertTrue(ports, out)
        for port in ports:
            done = self.curl("a", f"http://{self.address['web'][0]}:{port}/")
            self.assertNotEqual(done.returncode, 0)

    def test_control_socket_is_not_for_everybody(self):
        self.assertEqual(os.stat(self.b.socket).st_mode & 0o007, 0)
        done = run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", self.lab.binaries / "sluice",
                   "--socket", self.b.socket, "status", check=False)
        self.assertEqual(done.returncode, 1)


if __name__ == "__main__":
    case.main()
