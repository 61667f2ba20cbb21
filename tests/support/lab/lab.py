"""Lab: owner of everything that a demonstration or an integration test makes on this machine."""
import os
import pathlib
import shutil

from . import net, process
from .instance import Instance

BPFFS = pathlib.Path("/sys/fs/bpf")


def cgroup2_mount():
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            return pathlib.Path(where)
    raise process.LabError("cgroup v2 is not mounted")


class Lab:
    """with Lab("name", build_dir) as lab: ...   Cleans up what an earlier run of the same name left, then itself."""

    def __init__(self, name, binaries):
        self.name = name
        self.binaries = pathlib.Path(binaries)
        self.prefix = f"sl-{name}-"
        self.directory = pathlib.Path("/run/sluice-lab") / name
        self.cgroups = cgroup2_mount() / f"sluice-lab-{name}"
        self.processes = process.Processes(self.directory)
        self.instances = {}
        self.workloads = {}
        self.numbers = {}

    def __enter__(self):
        if os.geteuid() != 0:
            raise process.LabError("needs root: namespaces and BPF programs cannot be made without it")
        if not os.path.ismount(BPFFS):
            process.run("mount", "-t", "bpf", "bpf", BPFFS)
        self.cleanup()
        self.directory.mkdir(parents=True)
        self.cgroups.mkdir(exist_ok=True)
        return self

    def __exit__(self, *_):
        self.cleanup()

    def close(self):
        """Cleanup at the end of a test; a report of a sanitizer in the log of any daemon fails it."""
        self.end_processes()
        reports = list(filter(None, map(process.sanitizer_report, self.directory.rglob("sluiced*.log"))))
        self.cleanup()
        if reports:
            raise process.LabError("\n".join(reports))

    def netns(self, short):
        return self.prefix + short

    def add_nodes(self, *names):
        for number, name in enumerate(names, 1):
            net.add_node(self.netns(name), number)
            self.numbers[name] = number
        if len(names) == 2:
            net.join_nodes(self.netns(names[0]), self.netns(names[1]))

    def add_workload(self, node, name):
        """A namespace behind a node; returns (ipv4, ipv6)."""
        number = 10 + len(self.workloads)
        addresses = net.add_workload(self.netns(node), self.numbers[node], self.netns(name), number)
        self.workloads[name] = (node, *addresses)
        return addresses

    def instance(self, node, **settings):
        """The Sluice instance of a node (made on first use; settings override configuration keys)."""
        if node not in self.instances:
            self.instances[node] = Instance(self, node, settings)
        return self.instances[node]

    def run(self, where, *args, **options):
        """Runs a command in the namespace of a node or workload to its end."""
        return process.run(*net.inside(self.netns(where), *args), **options)

    def start(self, where, name, *args, **options):
        log = self.directory / f"{name}.log"
        return self.processes.start(name, net.inside(self.netns(where), *args), log, **options)

    def cgroup(self, name):
        path = self.cgroups / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def end_processes(self):
        self.processes.end_all(order=[f"sluiced-{node}" for node in self.instances])

    def cleanup(self):
        """Ends and removes everything that carries this lab's name, whoever left it."""
        self.end_processes()
        self._end_cgroup_processes()
        net.delete_namespaces(self.prefix)
        for pins in BPFFS.glob(f"sluice-lab-{self.name}*"):
            shutil.rmtree(pins)
        if self.cgroups.is_dir():
            for directory, _, _ in sorted(os.walk(self.cgroups), reverse=True):
                os.rmdir(directory)
        if self.directory.exists():
            shutil.rmtree(self.directory)
        self.instances.clear()
        self.workloads.clear()

    def _end_cgroup_processes(self):
        if not self.cgroups.is_dir():
            return
        for directory, _, _ in os.walk(self.cgroups):
            for pid in (pathlib.Path(directory) / "cgroup.procs").read_text().split():
                process.end_pid(int(pid))
        process.wait_for(lambda: not any((pathlib.Path(d) / "cgroup.procs").read_text() for d, _, _ in
                                         os.walk(self.cgroups)), "the lab's cgroups to empty")
