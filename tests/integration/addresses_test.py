"""Addresses of a workload's namespace that come and go are known at once, not at the next regular look."""
import time

import case
from case import TwoNodes, wait_for


class Addresses(TwoNodes):
    lab_name = "addr"
    settings = {"limits.reconcile": "10m"}

    @classmethod
    def documents(cls):
        return super().documents().replace("passthrough: true", "passthrough: false")

    def ip(self, where, *args):
        self.lab.run(where, "ip", *args)

    def assert_own_within_a_second(self, address, url):
        """Until it is known, a call of the workload to itself there is taken for egress, and denied."""
        self.ip("web", "addr", "add", address, "dev", "lo", *(("nodad",) if ":" in address else ()))
        self.addCleanup(self.ip, "web", "addr", "del", address, "dev", "lo")
        begin = time.monotonic()
        wait_for(lambda: self.curl("web", url).returncode == 0, "the workload to reach itself")
        self.assertLess(time.monotonic() - begin, 1.0)

    def test_new_ipv4_address_is_known(self):
        self.assert_own_within_a_second("10.77.7.7/32", "http://10.77.7.7/")

    def test_new_ipv6_address_is_known(self):
        self.assert_own_within_a_second("fd77::7/128", "http://[fd77::7]/")

    def test_changes_cut_nobody(self):
        kept = self.hold("client", "held")
        for number in range(8):
            self.ip("web", "addr", "add", f"10.78.0.{number + 1}/32", "dev", "lo")
        for number in range(8):
            self.ip("web", "addr", "del", f"10.78.0.{number + 1}/32", "dev", "lo")
        self.assert_served()
        self.assert_alive(kept)
        self.assertEqual([], self.b.status()["problems"])


if __name__ == "__main__":
    case.main()
