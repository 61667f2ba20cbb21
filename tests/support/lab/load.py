"""Runs tests/support/load.py in a workload and judges what it printed."""
import pathlib
import re
import time

from . import net
from .process import run

SCRIPT = pathlib.Path(__file__).resolve().parent.parent / "load.py"


class Load:
    """New connections one after the other; kill() marks the moments when something is killed under it."""

    def __init__(self, lab, where, seconds, host, port, number=0):
        name = f"load-{where}-{number}"
        self.log = lab.directory / f"{name}.log"
        self.log.unlink(missing_ok=True)
        self.kills = []
        command = net.inside(lab.netns(where), "/usr/bin/python3", SCRIPT, seconds, host, port)
        self.child = lab.processes.start(name, command, self.log)

    def kill(self, *pids):
        run("kill", "-9", *pids)
        self.kills.append(time.monotonic())

    def finish(self):
        """Waits for the end; returns (good, cut, failed): cut = open at a kill and ended by it, failed = all others."""
        self.child.wait(120)
        text = self.log.read_text()
        good = int(re.match(r"(\d+) ok", text).group(1))
        self.p99_ms = float(p99[1]) if (p99 := re.search(r"^p99 (\S+) ms$", text, re.M)) else None
        cut, failed = [], []
        for line in re.findall(r"^failed .*$", text, re.M):
            began, ended = (float(x) for x in re.match(r"failed began=(\S+) ended=(\S+)", line).groups())
            (cut if any(began <= kill <= ended + 0.5 for kill in self.kills) else failed).append(line)
        return good, cut, failed
