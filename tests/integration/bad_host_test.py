"""A host that cannot carry Sluice: a further daemon says what lacks and what to do, and the one that runs goes on.

What a daemon sees of the host is changed for it alone: a mount namespace hides files, a personality ages the kernel.
"""
import contextlib
import pathlib
import socket
import subprocess

import case
from case import TwoNodes, net, wait_for
from lab.lab import cgroup2_mount

CONTROL_CONNECTIONS_MAX = 32


class BadHost(TwoNodes):
    lab_name = "badhost"

    def setUp(self):
        self.held = self.hold("neighbour", f"held-{self._testMethodName}")

    def tearDown(self):
        self.assert_alive(self.held)
        self.assert_served("client")
        self.b.wait_ready()  # what a test took away may still be going

    def start_elsewhere(self, *extra, prefix=()):
        """A daemon with directories of its own that must refuse to start; returns what it said. It leaves nothing."""
        own = self.lab.directory / "elsewhere"
        pins = pathlib.Path("/sys/fs/bpf/sluice-lab-badhost-elsewhere")
        command = [*prefix, self.lab.binaries / "sluiced", "--config", self.b.config,
                   "--paths.state_dir", own / "state", "--paths.run_dir", own / "run", "--paths.pin_root", pins,
                   "--paths.cgroup", self.lab.cgroups / "elsewhere", *extra]
        done = subprocess.run(net.inside(self.lab.netns("b"), *command), capture_output=True, text=True, timeout=30)
        self.assertNotEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertFalse(pins.exists() and any(pins.rglob("*")), "a daemon that refused to start left pins")
        return done.stdout + done.stderr

    def hiding(self, path, then="true"):
        """The prefix that runs a program with an empty file system in place of `path`."""
        script = f'mount -t tmpfs none "$0" && {then} && exec "$@"'
        return "unshare", "--mount", "--propagation", "private", "sh", "-c", script, path

    def test_old_kernel(self):
        out = self.start_elsewhere(prefix=("setarch", "--uname-2.6"))
        self.assertRegex(out, r"kernel 2\.6\.\S+ is older than 6\.1")
        self.assertIn("run this node on kernel 6.1 or newer", out)

    def test_no_btf(self):
        out = self.start_elsewhere(prefix=self.hiding("/sys/kernel/btf"))
        self.assertIn("/sys/kernel/btf/vmlinux cannot be read", out)
        self.assertIn("CONFIG_DEBUG_INFO_BTF=y", out)

    def test_no_cgroup2(self):
        root = cgroup2_mount()
        out = self.start_elsewhere("--paths.cgroup_root", root, prefix=self.hiding(root))
        self.assertIn("the configured cgroup root is no cgroup2", out)
        self.assertIn("mount -t cgroup2", out)

    def test_cgroup2_that_is_mounted_nowhere(self):
        out = self.start_elsewhere(prefix=self.hiding("/mnt", f"umount -l {cgroup2_mount()}"))
        self.assertRegex(out, "cgroup (v2|2)|cgroup2")
        self.assertIn("mount", out)

    def test_capabilities_that_lack_are_named(self):
        out = self.start_elsewhere(prefix=("setpriv", "--bounding-set=-bpf", "--inh-caps=-bpf"))
        self.assertIn("CAP_BPF (load programs)", out)

    def test_host_name_that_would_steer_a_terminal(self):
        """The node is called by it wherever node.name does not say otherwise."""
        named = ("unshare", "--uts", "python3", "-c",
                 "import os, socket, sys; socket.sethostname('a\x1b[31m'); os.execvp(sys.argv[1], sys.argv[1:])")
        out = self.start_elsewhere("--node.name", "", prefix=named)
        self.assertIn("the host name, which is to be the node's, holds a control character (U+001B, byte 2)", out)
        self.assertIn("set node.name", out)
        self.assertNotIn("\x1b", out)

    def test_prober_cgroup_that_is_not_there(self):
        out = self.start_elsewhere("--capture.probers", "sl-badhost-no-such-kubelet")
        self.assertIn("cannot open prober cgroup", out)
        self.assertIn("sl-badhost-no-such-kubelet", out)

    def test_full_disk_when_a_workload_comes(self):
        """The state directory takes nothing any more: the newcomer is told so, whoever is enrolled goes on."""
        state = self.lab.directory / "node-b/state"
        addresses = self.lab.add_workload("b", "late")
        case.run("mount", "-t", "tmpfs", "-o", "size=4k", "none", state)
        try:
            (state / "full").write_bytes(b"x" * 4096)
            path = self.b.write_resource("late", case.documents.dataplane(
                "late-1", "b", "late", addresses, case.netns_attach(self.lab, "late")))
            wait_for(lambda: "o space left on device" in self.b.sluice("workloads").stdout + self.b.tail(),
                     "the full disk to be told")
            self.assert_served("client")
        finally:
            case.run("umount", state)
        wait_for(lambda: any(w["name"] == "late-1" and w["ready"] for w in self.b.json("workloads")["workloads"]),
                 "the newcomer to be enrolled once there is space", 20.0)
        path.unlink()

    def test_control_connections_are_bounded(self):
        with contextlib.ExitStack() as stack:
            for _ in range(CONTROL_CONNECTIONS_MAX):
                self.connect_control(stack)
            self.assertTrue(self.ends(self.connect_control(stack)), "one connection too many was taken")
            done = self.b.sluice("status", check=False, timeout=30)
            self.assertEqual(done.returncode, 1)
            self.assertIn("no answer on", done.stdout + done.stderr)
            self.assert_served("client")
        wait_for(lambda: self.b.sluice("status", check=False).returncode == 0, "the control socket to answer again")

    def connect_control(self, stack):
        control = stack.enter_context(socket.socket(socket.AF_UNIX))
        control.settimeout(5)
        control.connect(str(self.b.socket))
        return control

    @staticmethod
    def ends(control):
        try:
            return control.recv(1) == b""
        except ConnectionError:
            return True


if __name__ == "__main__":
    case.main()
