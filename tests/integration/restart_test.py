"""Parts die and come back: no new connection fails, capture never stops, live connections survive where they can."""
import json
import signal

import case
from case import TwoNodes, wait_for
from lab.instance import Descriptors
from lab.load import Load


class Restart(TwoNodes):
    lab_name = "restart"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        Load(cls.lab, "client", 1, cls.address["web"][0], 80).finish()  # tunnels and stocks of sockets come with use
        cls.descriptors = Descriptors(cls.a, cls.b)

    def tearDown(self):
        self.doCleanups()
        self.descriptors.wait_settled()

    def load(self, seconds):
        return Load(self.lab, "client", seconds, self.address["web"][0], 80)

    def kill(self, load, instance, role):
        old = instance.pids()[role]
        load.kill(old)

        def replaced():
            status = instance.status(check=False)
            return status and status[f"{role}_pid"] not in (0, old) and status["ready"]
        wait_for(replaced, f"a new {role} on {instance.node}")

    def assert_no_failure(self, load, cut_max):
        good, cut, failed = load.finish()
        self.assertEqual(failed, [], self.a.tail() + self.b.tail())
        self.assertLessEqual(len(cut), cut_max)
        self.assertGreater(good, 100)

    def test_proxy_killed_under_load(self):
        load = self.load(8)
        for instance in (self.a, self.b, self.a, self.b):
            self.kill(load, instance, "proxy")
        self.assert_no_failure(load, 4)

    def test_agent_killed_under_load_and_live_connection_survives(self):
        held = self.hold("neighbour", "held-agent")
        load = self.load(8)
        for instance in (self.a, self.b):
            self.kill(load, instance, "agent")
        self.assert_no_failure(load, 0)
        self.assert_alive(held)

    def test_both_killed_at_once(self):
        load = self.load(8)
        pids = self.b.pids()
        load.kill(pids["proxy"], pids["agent"])
        wait_for(lambda: (s := self.b.status(check=False)) and s["ready"] and s["proxy_pid"] != pids["proxy"],
                 "agent and proxy to come back", 20.0)
        self.assert_no_failure(load, 1)

    def test_keeper_upgrade_keeps_listeners(self):
        held = self.hold("neighbour", "held-upgrade")
        load = self.load(6)
        self.b.daemon.send_signal(signal.SIGUSR2)
        wait_for(lambda: (s := self.b.status(check=False)) and s["ready"], "readiness after re-exec")
        self.assert_no_failure(load, 0)
        self.assert_alive(held)

    def test_records_survive_the_proxy(self):
        self.assert_served()
        before = self.a.json("connections", "--finished")
        old = self.a.pids()["proxy"]
        case.run("kill", "-9", old)
        wait_for(lambda: (s := self.a.status(check=False)) and s["proxy_pid"] not in (0, old), "a new proxy")
        after = self.a.json("connections", "--finished")
        self.assertTrue({row["id"] for row in before["connections"]} & {row["id"] for row in after["connections"]},
                        json.dumps(after)[:500])


if __name__ == "__main__":
    case.main()
