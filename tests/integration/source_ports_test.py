"""Workloads whose ip_local_port_range takes in the proxy's source ports: these are reserved, told, and given back."""
import case
from case import TwoNodes, net, wait_for

OURS = "10240-32767"


class SourcePorts(TwoNodes):
    lab_name = "ports"
    settings = {"limits.reconcile": "300ms"}

    @classmethod
    def documents(cls):
        """Called before the daemons start."""
        for name, reserved in (("client", "8080"), ("web", "")):
            cls.sysctl(name, "ip_local_port_range", "9000 40000")
            cls.sysctl(name, "ip_local_reserved_ports", reserved)
        return super().documents()

    @classmethod
    def sysctl(cls, where, key, value=None):
        if value is not None:
            net.sysctl(cls.lab.netns(where), f"net.ipv4.{key}", value)
        return cls.lab.run(where, "sysctl", "-n", f"net.ipv4.{key}").stdout.strip()

    def rows(self):
        return {row["subject"]: row for row in self.a.json("check", check=False)["checks"]
                if row["check"] == "source ports"}

    def test_1_ports_are_reserved_and_many_connections_pass(self):
        self.assertEqual(f"8080,{OURS}", self.sysctl("client", "ip_local_reserved_ports"))
        self.assertEqual("", self.sysctl("neighbour", "ip_local_reserved_ports"))
        rows = self.rows()
        self.assertTrue(rows["client-1"]["ok"])
        self.assertIn(f"9000-40000, {OURS} are reserved", rows["client-1"]["found"])
        url = f"http://{self.address['web'][0]}/"
        done = self.curl("client", url, "--no-keepalive", "-H", "Connection: close", *([url] * 99))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.count(case.BODY), 100)
        # The far proxy speaks to its application from these in the client's name: a tunnel's must be none of them.
        tunnels = self.lab.run("client", "ss", "-Htn", "state", "established", "dst", self.address["web"][0]).stdout
        ports = [int(line.split()[2].rsplit(":", 1)[1]) for line in tunnels.splitlines()]
        self.assertTrue(ports, tunnels)
        low, high = (int(port) for port in OURS.split("-"))
        self.assertEqual([], [port for port in ports if low <= port <= high], tunnels)

    def test_2_range_that_is_widened_later_is_seen(self):
        before = self.sysctl("neighbour", "ip_local_port_range")
        self.sysctl("neighbour", "ip_local_port_range", "1024 65535")
        wait_for(lambda: self.sysctl("neighbour", "ip_local_reserved_ports") == OURS, "the ports to be reserved")
        self.sysctl("neighbour", "ip_local_port_range", before)

    def test_3_what_cannot_be_reserved_is_a_warning(self):
        self.sysctl("neighbour", "ip_local_port_range", "12000 33000")
        self.sysctl("neighbour", "ip_local_reserved_ports", "")
        self.sysctl("a", "ip_local_port_range", "1024 65535")
        rows = self.rows()
        for subject, found in (("neighbour-1", "12000-33000 and takes in"), ("node", "1024-65535 and takes in")):
            self.assertFalse(rows[subject]["ok"])
            self.assertFalse(rows[subject]["fatal"])
            self.assertIn(found, rows[subject]["found"])
            self.assertIn("ip_local_reserved_ports", rows[subject]["next_step"])
        self.assert_served("neighbour")

    def test_4_end_of_enrolment_gives_them_back(self):
        self.a.sluice("uninstall", "--yes")
        self.assertEqual("8080", self.sysctl("client", "ip_local_reserved_ports"))
        self.assertEqual("", self.sysctl("neighbour", "ip_local_reserved_ports"))


if __name__ == "__main__":
    case.main()
