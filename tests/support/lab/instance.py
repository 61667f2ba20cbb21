"""One Sluice instance of a lab: its configuration, its daemon and its command line."""
import collections
import contextlib
import json
import os
import pathlib
import re
import signal

from . import net
from .process import LabError, run, wait_for


def to_yaml(value, indent=0):
    """A nested dictionary as YAML; scalars are written as JSON, which YAML contains."""
    lines = []
    for key, item in value.items():
        if isinstance(item, dict):
            lines += [" " * indent + f"{key}:", to_yaml(item, indent + 2)]
        else:
            lines.append(" " * indent + f"{key}: {json.dumps(item)}")
    return "\n".join(lines)


class Instance:
    def __init__(self, lab, node, settings):
        self.lab = lab
        self.node = node
        self.directory = lab.directory / f"node-{node}"
        self.resources = self.directory / "resources"
        self.resources.mkdir(parents=True)
        self.config = self.directory / "sluice.yaml"
        self.log = self.directory / "sluiced.log"
        self.socket = self.directory / "run/control.sock"
        self.cgroup = lab.cgroups / f"sluice-{node}"
        self.daemon = None
        self.settings = {
            "node.name": node,
            "node.instance": f"{lab.name}-{node}",
            "paths.state_dir": str(self.directory / "state"),
            "paths.run_dir": str(self.directory / "run"),
            "paths.health_events": str(self.directory / "health"),
            "paths.resources_dir": str(self.resources),
            "paths.pin_root": f"/sys/fs/bpf/sluice-lab-{lab.name}-{node}",
            "paths.cgroup": str(self.cgroup),
            "identity.ca_dir": str(lab.directory / "ca"),
            **settings,
        }

    def write_config(self):
        nested = {}
        for key, value in self.settings.items():
            section, name = key.split(".", 1)
            nested.setdefault(section, {})[name] = value
        self.put_config(to_yaml(nested) + "\n")

    def put_config(self, text):
        """All at once: an agent that is being started must not read the half of it."""
        new = self.config.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.replace(self.config)

    def command(self, *extra):
        return net.inside(self.lab.netns(self.node), self.lab.binaries / "sluiced", "--config", self.config, *extra)

    def start(self, ready=True, *extra):
        self.write_config()
        self.daemon = self.lab.processes.start(f"sluiced-{self.node}", self.command(*extra), self.log)
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self, timeout=30.0):
        def answer():
            if self.daemon.poll() is not None:
                raise LabError(f"sluiced of {self.node} ended with {self.daemon.returncode}:\n{self.tail()}")
            status = self.status(check=False)
            return status if status and status.get("ready") else None
        try:
            return wait_for(answer, f"Sluice on {self.node} to be ready", timeout)
        except LabError as error:
            raise LabError(f"{error}\nstatus: {self.sluice('status', check=False).stdout}\n{self.tail()}") from None

    def tail(self, lines=40):
        """The end of the daemon's log, without the access lines of connections that ended well."""
        if not self.log.exists():
            return ""
        kept = [line for line in self.log.read_text(errors="replace").splitlines() if " completed " not in line]
        return "\n".join(kept[-lines:])

    def sluice(self, *args, **options):
        """The CLI against this instance."""
        return run(self.lab.binaries / "sluice", "--socket", self.socket, *args, **options)

    def json(self, *args, check=True):
        done = self.sluice(*args, "-o", "json", check=check)
        return json.loads(done.stdout) if done.returncode == 0 and done.stdout.strip() else None

    def status(self, check=True):
        if not self.socket.exists():
            return None
        return self.json("status", check=check)

    def apply(self, text):
        """Puts documents into force and returns once the proxy has taken them over."""
        return self.sluice("apply", "-f", "-", stdin=text)

    def write_resource(self, name, text):
        """Drops a document into the resource directory, as a configuration management tool would."""
        target = self.resources / f"{name}.yaml"
        partial = self.resources / f".{name}.tmp"
        partial.write_text(text, encoding="utf-8")
        partial.rename(target)
        return target

    def pids(self):
        status = self.status()
        return {role: status[f"{role}_pid"] for role in ("keeper", "agent", "proxy")}

    def descriptors(self):
        """{role: Counter of what its open descriptors name, numbers left out}"""
        def names(pid):
            for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    yield re.sub(r"\d+", "N", os.readlink(entry))
        return {role: collections.Counter(names(pid)) for role, pid in self.pids().items()}

    def stop(self, sig=signal.SIGTERM):
        return self.lab.processes.end(self.daemon, sig, timeout=40.0)

    def left_behind(self):
        """What of this instance the kernel still holds: pins, programs' links, rules, cgroup. Empty after uninstall."""
        found = []
        pins = pathlib.Path(self.settings["paths.pin_root"])
        if pins.exists() and any(pins.rglob("*")):
            found.append(f"pins under {pins}")
        if self.cgroup.exists():
            found.append(f"cgroup {self.cgroup}")
        return found


# The stock of sockets made ahead and the warm tunnels of a proxy's two workers come and go with the shape of the load.
PROXY_SOCKETS = 10


class Descriptors:
    """What the daemons of some instances hold open at one moment, to be compared with a later one."""

    def __init__(self, *instances, proxy_sockets=PROXY_SOCKETS):
        self.instances, self.proxy_sockets = instances, proxy_sockets
        self.before = [instance.descriptors() for instance in instances]

    def grown(self):
        """{"role of node": what is there more than before}; empty when nothing is."""
        now = [instance.descriptors() for instance in self.instances]
        grown = {f"{role} of {instance.node}": after[role] - before[role]
                 for instance, before, after in zip(self.instances, self.before, now) for role in after}
        return {who: dict(more) for who, more in grown.items()
                if any(count > (self.proxy_sockets if who.startswith("proxy") and name == "socket:[N]" else 0)
                       for name, count in more.items())}

    def wait_settled(self, timeout=15.0):
        """What a load has open goes within seconds of its end; what stays is a leak."""
        try:
            wait_for(lambda: not self.grown(), "the descriptors of a load to be closed", timeout)
        except LabError as error:
            raise LabError(f"{error}: {self.grown()}") from None
