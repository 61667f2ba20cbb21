"""An instance by hand, as docs/operations.md tells it: its configuration and its commands are taken from that page,
only its directories and names are replaced. Its cgroup lies at the root of the hierarchy, as the default's does."""
import os
import pathlib
import re
import shlex
import sys
import unittest

import case
from case import BODY, Lab, net, programs, run, wait_for
from lab.lab import BPFFS, cgroup2_mount

PAGE = (pathlib.Path(__file__).resolve().parents[2] / "docs/operations.md").read_text(encoding="utf-8")
CHAPTER = re.search(r"^## An instance by hand\n(.*?)^## ", PAGE, re.M | re.S).group(1)


class ByHand(unittest.TestCase):
    def setUp(self):
        self.lab = Lab("hand", case.BINARIES)
        self.lab.__enter__()
        self.addCleanup(self.lab.close)
        self.home = self.lab.directory / "try"
        (self.home / "resources").mkdir(parents=True)
        self.pins, self.cgroup = BPFFS / "sluice-lab-hand-try", cgroup2_mount() / "sluice-lab-hand-try"
        self.job = self.lab.cgroup("job")
        self.socket = self.home / "run/control.sock"
        self.lab.add_nodes("a")
        self.address = self.lab.add_workload("a", "mine")
        programs.nginx(self.lab, self.lab.netns("mine"), body=BODY)

    def told(self, text):
        """A text of the page with the names of this laboratory."""
        for word, ours in (("/tmp/try", self.home), ("/sys/fs/bpf/sluice-try", self.pins),
                           ("cgroup: sluice-try", f"cgroup: {self.cgroup.name}"),
                           ("/run/netns/mine", net.NETNS / self.lab.netns("mine")),
                           ("/sys/fs/cgroup/PATH", self.job), ("10.1.2.1", "10.77.0.1")):
            text = text.replace(str(word), str(ours))
        return text

    def start(self):
        (self.home / "sluice.yaml").write_text(self.told(re.search(r"<<'EOF'\n(.*?)\nEOF", CHAPTER, re.S).group(1)))
        self.log = self.lab.directory / "sluiced.log"
        command = net.inside(self.lab.netns("a"), case.BINARIES / "sluiced", "--config", self.home / "sluice.yaml")
        daemon = self.lab.processes.start("sluiced-try", command, self.log)
        self.addCleanup(self.remove_cgroup)
        self.addCleanup(self.lab.processes.end, daemon, timeout=40.0)
        wait_for(lambda: daemon.poll() is not None or self.sluice("status", "--ready", check=False).returncode == 0,
                 "the instance to be ready", 30.0)
        self.assertIsNone(daemon.poll(), self.log.read_text())
        return daemon

    def remove_cgroup(self):
        if self.cgroup.exists():
            wait_for(lambda: not (self.cgroup / "cgroup.procs").read_text(), "the processes to leave")
            os.rmdir(self.cgroup)

    def sluice(self, *args, check=True):
        return run(case.BINARIES / "sluice", "--socket", self.socket, *args, check=check)

    def as_told(self, pattern):
        line = re.search(rf"^build/release/bin/sluice ({pattern}[^#\n]*)", CHAPTER, re.M).group(1)
        return self.sluice(*shlex.split(self.told(line)))

    def curl(self, *prefix):
        url = f"http://{self.address[0]}/"
        return self.lab.run("a", *prefix, "curl", "-sS", "--noproxy", "*", "--max-time", "5", url, check=False)

    def ready(self, name):
        rows = wait_for(lambda: [w for w in map(str.split, self.sluice("workloads").stdout.splitlines())
                                 if w[:1] == [name] and w[2] == "yes"], f"{name} to be ready")
        return bool(rows)

    def test_the_page(self):
        modes = [os.stat(path).st_mode for path in (cgroup2_mount(), BPFFS)]
        daemon = self.start()
        self.as_told("check")
        self.as_told("enroll --name mine-1")
        self.assertTrue(self.ready("mine-1"))
        self.assertIn(BODY, self.curl().stdout)
        self.assertIn(f"{self.address[0]}:80", self.sluice("connections", "--finished").stdout)
        self.as_told("enroll --name job-1")
        self.assertTrue(self.ready("job-1"))
        self.assertIn(BODY, self.curl("sh", "-c", f'echo 0 > {self.job}/cgroup.procs; exec "$@"', "sh").stdout)
        wait_for(lambda: "job-1" in self.sluice("connections", "--finished").stdout, "the record of the host process")
        out = self.sluice("uninstall", "--yes").stdout
        self.assertIn("Nothing of Sluice is left in the kernel", out)
        self.assertEqual(daemon.wait(40), 0, self.log.read_text())
        self.assertFalse(self.cgroup.exists() or self.pins.exists())
        self.assertEqual([os.stat(path).st_mode for path in (cgroup2_mount(), BPFFS)], modes)
        self.assertIn(BODY, self.curl().stdout, "programs talk directly again")


if __name__ == "__main__":
    sys.exit(case.main())
