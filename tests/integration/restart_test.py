"""Parts die and come back: no new connection fails, capture never stops, live connections survive where they can."""
import json
import signal

import case
from case import PYTHON, SUPPORT, TwoNodes, wait_for


class Restart(TwoNodes):
    lab_name = "restart"

    def load(self, seconds):
        log = self.lab.directory / "load.log"
        log.unlink(missing_ok=True)
        return self.lab.start("client", "load", PYTHON, SUPPORT / "load.py", seconds, self.address["web"][0], 80), log

    def kill(self, instance, role):
        old = instance.pids()[role]
        case.run("kill", "-9", old)

        def replaced():
            status = instance.status(check=False)
            return status and status[f"{role}_pid"] not in (0, old) and status["ready"]
        wait_for(replaced, f"a new {role} on {instance.node}", 20.0)

    def assert_no_failure(self, child, log):
        child.wait(60)
        self.assertEqual(child.returncode, 0, log.read_text() + self.a.tail() + self.b.tail())

    def test_proxy_killed_under_load(self):
        child, log = self.load(8)
        for instance in (self.a, self.b, self.a, self.b):
            self.kill(instance, "proxy")
        self.assert_no_failure(child, log)

    def test_agent_killed_under_load_and_live_connection_survives(self):
        held = self.hold("neighbour", "held-agent")
        child, log = self.load(8)
        for instance in (self.a, self.b):
            self.kill(instance, "agent")
        self.assert_no_failure(child, log)
        self.assert_alive(held)

    def test_both_killed_at_once(self):
        child, log = self.load(8)
        pids = self.b.pids()
        case.run("kill", "-9", pids["proxy"], pids["agent"])
        wait_for(lambda: (s := self.b.status(check=False)) and s["ready"] and s["proxy_pid"] != pids["proxy"],
                 "agent and proxy to come back", 20.0)
        self.assert_no_failure(child, log)

    def test_keeper_upgrade_keeps_listeners(self):
        held = self.hold("neighbour", "held-upgrade")
        child, log = self.load(6)
        self.b.daemon.send_signal(signal.SIGUSR2)
        wait_for(lambda: (s := self.b.status(check=False)) and s["ready"], "readiness after re-exec", 20.0)
        self.assert_no_failure(child, log)
        self.assert_alive(held)

    def test_records_survive_the_proxy(self):
        self.assert_served()
        before = self.a.json("connections", "--finished")
        self.kill(self.a, "proxy")
        after = self.a.json("connections", "--finished")
        self.assertTrue({row["id"] for row in before["connections"]} & {row["id"] for row in after["connections"]},
                        json.dumps(after)[:500])


if __name__ == "__main__":
    case.main()
