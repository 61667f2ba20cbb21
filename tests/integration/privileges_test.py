"""What each thread of keeper, agent and proxy may do, as the kernel tells it: at the start, after a restart of the
agent and the proxy, and after the keeper's re-exec."""
import pathlib
import signal

import case
from case import TwoNodes, run, wait_for

# Numbers of linux/capability.h.
CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, KILL, SETGID, SETUID, SETPCAP = 0, 1, 2, 5, 6, 7, 8
NET_BIND_SERVICE, NET_ADMIN, SYS_PTRACE, SYS_ADMIN, PERFMON, BPF = 10, 12, 19, 21, 38, 39

AGENT = {BPF, PERFMON, NET_ADMIN, SYS_ADMIN, SYS_PTRACE, DAC_READ_SEARCH}
KEEPER = {SYS_ADMIN, NET_ADMIN, NET_BIND_SERVICE, SETUID, SETGID, SETPCAP, KILL}
LIMITS = {  # role -> (permitted and effective, bounding set, no_new_privs)
    "keeper": (KEEPER, KEEPER | AGENT | {CHOWN, DAC_OVERRIDE}, 0),
    "agent": (AGENT, AGENT, 1),
    "proxy": (set(), set(), 1),
}


def bits(text):
    value = int(text, 16)
    return {number for number in range(64) if value >> number & 1}


def threads_of(pid):
    """The /proc status of every thread of a process, as dictionaries."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        yield dict(line.split(":\t", 1) for line in lines if ":\t" in line)


class Privileges(TwoNodes):
    lab_name = "caps"
    settings = {"metrics.address": "127.0.0.1:9909"}

    def assert_lowered(self):
        for role, pid in self.a.pids().items():
            held, bound, no_new_privileges = LIMITS[role]
            threads = list(threads_of(pid))
            for thread in threads:
                with self.subTest(role=role, thread=thread["Name"]):
                    self.assertEqual(bits(thread["CapEff"]), held)
                    self.assertEqual(bits(thread["CapPrm"]), held)
                    self.assertLessEqual(bits(thread["CapBnd"]), bound)
                    self.assertEqual(bits(thread["CapInh"]) | bits(thread["CapAmb"]), set())
                    self.assertEqual(int(thread["NoNewPrivs"]), no_new_privileges)
                    self.assertEqual(set(thread["Uid"].split()) == {"0"}, role != "proxy")
            if role != "keeper":
                self.assertGreater(len(threads), 1, f"the {role} has threads of its own, each is to be judged")

    def test_from_the_start(self):
        self.assert_lowered()

    def test_after_a_restart_of_agent_and_proxy(self):
        old = self.a.pids()
        run("kill", "-9", old["agent"], old["proxy"])
        wait_for(lambda: (s := self.a.status(check=False)) and s["ready"] and s["proxy_pid"] != old["proxy"],
                 "agent and proxy to come back", 20.0)
        self.assert_lowered()
        self.assert_served()

    def test_after_the_keepers_re_exec_a_new_agent_still_works(self):
        self.a.daemon.send_signal(signal.SIGUSR2)
        wait_for(lambda: "re-executing" in self.a.tail(), "the re-exec")
        old = self.a.pids()["agent"]
        run("kill", "-9", old)
        wait_for(lambda: (s := self.a.status(check=False)) and s["ready"] and s["agent_pid"] != old,
                 "a new agent under the new keeper", 20.0)
        self.assert_lowered()
        self.assert_served()


if __name__ == "__main__":
    case.main()
