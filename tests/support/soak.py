"""Faults under load, as often as asked for: soak.py BIN_DIR STEP[:COUNT]...   Prints one table row a step.

Load is new connections one after the other from a workload of node a to one of node b. "failed" counts those that were
not open at a fault and did not end well; it must be 0. "cut" are those that the killed process was carrying.
Descriptors of the daemons must be as few as before within 15 s of the load's end.
"""
import pathlib
import resource
import signal
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]
import case  # noqa: E402
from case import TwoNodes, wait_for  # noqa: E402
from lab.instance import Descriptors  # noqa: E402
from lab.load import Load  # noqa: E402
from lab.process import LabError  # noqa: E402
import soak_change  # noqa: E402
import soak_load  # noqa: E402
import soak_mixed  # noqa: E402


class Soak(TwoNodes):
    lab_name = "soak"


def replaced(instance, old):
    status = instance.status(check=False)
    return status and status["ready"] and all(status[f"{role}_pid"] not in (0, pid) for role, pid in old.items())


def kill(*roles):
    def once(soak, load, number):
        instance = (soak.a, soak.b)[number % 2]
        pids = instance.pids()
        old = {role: pids[role] for role in roles}
        load.kill(*old.values())
        wait_for(lambda: replaced(instance, old), f"new {' and '.join(roles)} on {instance.node}", 30.0)
    return once


def reexec(soak, load, number):
    instance = (soak.a, soak.b)[number % 2]
    before = instance.pids()
    instance.daemon.send_signal(signal.SIGUSR2)
    time.sleep(0.2)
    wait_for(lambda: (s := instance.status(check=False)) and s["ready"], "readiness after the re-exec", 30.0)
    if instance.pids()["keeper"] != before["keeper"]:
        raise LabError("the keeper did not keep its process")


def upgrade(soak, load, number):
    """Agent and proxy are replaced; the load's open connection lives on in the earlier proxy, which then ends."""
    instance = (soak.a, soak.b)[number % 2]
    before = instance.pids()
    instance.sluice("upgrade")
    after = instance.pids()
    if after["keeper"] != before["keeper"] or after["agent"] == before["agent"] or after["proxy"] == before["proxy"]:
        raise LabError(f"not an upgrade: {before} -> {after}")
    wait_for(lambda: not instance.status()["upgrade"]["leaving"], "the earlier proxy to end")
    wait_for(lambda: instance.status()["ready"], "readiness after the upgrade")
    if f"leaving proxy (pid {before['proxy']}) ended with code 0" not in instance.log.read_text():
        raise LabError(f"the earlier proxy did not end in order\n{instance.tail(20)}")


SECONDS_EACH = 1.6  # of load for one fault

# name: (what happens once, how often in the long form, cut connections allowed for each)
STEPS = {
    "proxy": (kill("proxy"), 200, 1),
    "agent": (kill("agent"), 50, 0),
    "both": (kill("proxy", "agent"), 50, 1),
    "keeper": (reexec, 20, 0),
    "upgrade": (upgrade, 50, 0),
}


def run_step(soak, name, count):
    """Returns the table row; raises when a promise was broken."""
    once, _, cut_max = STEPS[name]
    Load(soak.lab, "client", 2, soak.address["web"][0], 80).finish()  # tunnels and stocks of sockets come with use
    before = Descriptors(soak.a, soak.b)
    begin = time.monotonic()
    good, cut, failed = 0, [], []
    done = 0
    while done < count:
        batch = min(10, count - done)
        load = Load(soak.lab, "client", SECONDS_EACH * batch + 2, soak.address["web"][0], 80)
        for number in range(done, done + batch):
            once(soak, load, number)
        if load.child.poll() is not None:
            raise LabError(f"{name}: the load ended before the faults did; raise SECONDS_EACH")
        part = load.finish()
        good, cut, failed, done = good + part[0], cut + part[1], failed + part[2], done + batch
    elapsed = time.monotonic() - begin
    before.wait_settled()
    row = f"| {name} | {count} | {good} | {len(failed)} | {len(cut)} | 0 | {elapsed:.0f} |"
    if failed or len(cut) > cut_max * count or good < 10 * count:
        raise LabError("\n".join([row, *failed[:5], soak.a.tail(10), soak.b.tail(10)]))
    return row


# Laboratory and steps: (function, count and seconds of the long form, of the short one, what the count is of)
HELD = ((soak_load.LoadNodes, soak_load.STEPS), (soak_change.ChangeNodes, soak_change.STEPS),
        (soak_mixed.MixedNodes, soak_mixed.STEPS))
HELD_STEPS = {name: step for _, steps in HELD for name, step in steps.items()}


def long_form(name):
    return STEPS[name][1] if name in STEPS else HELD_STEPS[name][1][0]


def wanted_steps(words):
    """[(name, count)] of what was asked for; LabError names what is unknown."""
    wanted = []
    for word in [*STEPS, *HELD_STEPS] if words == ["all"] else words:
        name, _, count = word.partition(":")
        if name not in STEPS and name not in HELD_STEPS:
            raise LabError(f"unknown step {name}; see scripts/soak --list")
        wanted.append((name, int(count) if count else long_form(name)))
    return wanted


def run_all(base, steps, head, row):
    """The table of the steps in one laboratory; how many of them broke a promise."""
    bad = 0
    if not steps:
        return bad
    print(head, flush=True)
    try:
        base.setUpClass()
        for name, count in steps:
            try:
                print(row(base, name, count), flush=True)
            except LabError as error:
                bad += 1
                print(f"{name}: {error}", flush=True)
    finally:
        base.doClassCleanups()
    return bad


def load_row(base, name, count):
    step, (_, seconds), _, unit = HELD_STEPS[name]
    return f"| {name} | {count} {unit} | {step(base, count, seconds)} |"


def main():
    binaries, *words = sys.argv[1:]
    if not words or "--list" in words:
        print("\n".join(f"{name}:{long_form(name)}" for name in [*STEPS, *HELD_STEPS]))
        return 0 if words else 2
    case.BINARIES = pathlib.Path(binaries).resolve()
    try:
        wanted = wanted_steps(words)
    except LabError as error:
        print(f"scripts/soak: {error}", file=sys.stderr)
        return 2
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # of everything that is started here
    faults = [step for step in wanted if step[0] in STEPS]
    head = "| step | faults | connections served | failed | cut by the fault | descriptors grown | seconds |"
    bad = run_all(Soak, faults, head + "\n|---|---|---|---|---|---|---|", run_step)
    for nodes, steps in HELD:
        bad += run_all(nodes, [step for step in wanted if step[0] in steps],
                       "| step | held | measured |\n|---|---|---|", load_row)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
