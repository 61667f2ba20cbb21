"""Programs of a lab: started by us, written down with their start time, ended by pid."""
import os
import pathlib
import re
import signal
import subprocess
import time


class LabError(Exception):
    """What the lab could not do, in words."""


def start_time(pid):
    """The kernel's start time of a process (clock ticks since boot), or None when it is gone or a zombie."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[19])


def wait_for(condition, what, timeout=20.0):
    """Polls until condition() is true; its value is returned. Raises with `what` when the time is over.

    The time is patience with a busy machine, no claim: a test that claims a time measures it."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise LabError(f"timed out after {timeout:g} s waiting for {what}")
        time.sleep(0.02)


def run(*args, check=True, timeout=60, stdin=None, env=None):
    """Runs a command to its end and returns its CompletedProcess (text)."""
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=timeout, input=stdin, env=env,
                          errors="replace")
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(map(str, args))}: exit {done.returncode}\n{done.stdout}{done.stderr}".rstrip())
    return done


def sanitizer_report(log):
    """What AddressSanitizer, LeakSanitizer, UndefinedBehaviorSanitizer or ThreadSanitizer wrote into a log, or ""."""
    text = log.read_text(errors="replace")
    found = re.search(r"(ERROR|WARNING): \w+Sanitizer|: runtime error: ", text)
    return f"{log}:\n{text[max(0, found.start() - 200):found.start() + 8000]}" if found else ""


class Processes:
    """The processes of one lab, remembered in a file so that a later run can end them after a crash."""

    def __init__(self, directory):
        self.file = directory / "processes"
        self.children = {}

    def start(self, name, args, log, cgroup=None, env=None, cwd=None):
        def enter():
            os.setsid()
            if cgroup:
                (pathlib.Path(cgroup) / "cgroup.procs").write_text("0")
        with open(log, "ab") as out:
            child = subprocess.Popen([str(a) for a in args], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                     preexec_fn=enter, env=env, cwd=cwd)
        with open(self.file, "a", encoding="utf-8") as out:
            out.write(f"{child.pid} {start_time(child.pid)} {name}\n")
        self.children[name] = child
        return child

    def end(self, child, sig=signal.SIGTERM, timeout=10.0):
        """Ends one child in order, then by force; returns its exit status."""
        if child.poll() is None:
            child.send_signal(sig)
            try:
                child.wait(timeout)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(5)
        return child.returncode

    def end_all(self, order=()):
        for name in order:
            if name in self.children:
                self.end(self.children[name])
        for child in reversed(list(self.children.values())):
            self.end(child, timeout=5.0)
        self.children.clear()
        self.end_remembered()

    def end_remembered(self):
        """Ends whatever an earlier run left behind: same pid and same start time, so never a stranger."""
        if not self.file.exists():
            return
        for line in self.file.read_text(encoding="utf-8").splitlines():
            pid, started, _ = line.split(" ", 2)
            end_pid(int(pid), started)
        self.file.unlink()


def end_pid(pid, started=None):
    """Ends a process and waits until it is gone; does nothing if its start time is another one."""
    if start_time(pid) is None or (started is not None and str(start_time(pid)) != started):
        return
    for sig in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, sig)
            wait_for(lambda: start_time(pid) is None, f"process {pid} to end", 5.0)
            return
        except ProcessLookupError:
            return
        except LabError:
            continue
