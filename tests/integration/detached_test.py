"""What root of the host can undo is not prevented: `sluice check` reports it, and the agent attaches it again."""
import json

import case
from case import TwoNodes, run, wait_for


class Detached(TwoNodes):
    lab_name = "detached"
    # Reconciling is slowed down, so that the check is asked before the agent has mended.
    settings = {"limits.reconcile": "2s"}

    def links(self):
        """The pinned links of node a by their name, with the kernel's number of each."""
        root = self.a.settings["paths.pin_root"]
        found = {}
        for path in run("find", root, "-path", "*/links/*").stdout.split():
            shown = run("bpftool", "-j", "link", "show", "pinned", path, check=False)
            if shown.returncode == 0:
                found[path.rsplit("/", 1)[1]] = json.loads(shown.stdout)["id"]
        return found

    def problems(self):
        return self.a.sluice("check", check=False).stdout

    def test_detached_programs_are_reported_and_attached_again(self):
        names = [name for name in self.links()
                 if name in ("connect4", "sockops") or name.startswith(("netns", "guard"))]
        self.assertGreaterEqual(len(names), 4, names)
        for name in names:
            with self.subTest(name):
                before = self.links()[name]
                healthy = self.a.sluice("check", check=False)
                self.assertEqual(healthy.returncode, 0, healthy.stdout)
                run("bpftool", "link", "detach", "id", before)
                wait_for(lambda: self.a.sluice("check", check=False).returncode == 1, "the check to report it")
                wait_for(lambda: self.links().get(name) not in (None, before), "the program to be attached again")
                wait_for(lambda: self.a.sluice("check", check=False).returncode == 0, "the check to be content")
                self.assert_served("client")

    def test_routing_undone_inside_the_namespace_is_reported_and_put_back(self):
        """Root enters the workload's namespace (setns) and takes away what brings captured packets to the proxy."""
        enter = ("client", "sh", "-c")
        for what, undo in {"rule": "ip rule del fwmark $(ip rule | sed -n 's/.*fwmark \\([^ ]*\\).*/\\1/p' | head -1)",
                           "setting": "sysctl -qw net.ipv4.tcp_fwmark_accept=0"}.items():
            with self.subTest(what):
                self.lab.run(*enter, undo)
                done = wait_for(lambda: (d := self.a.sluice("check", check=False)).returncode == 1 and d,
                                "the check to report it", 5.0)
                self.assertIn("rules, routes and settings", done.stdout)
                wait_for(lambda: self.a.sluice("check", check=False).returncode == 0, "the agent to mend it")
                self.assert_served("client")

    def test_process_that_root_puts_into_our_own_cgroup_is_reported(self):
        """The one way to be exempt: root enters the workload's namespace from Sluice's cgroup."""
        script = "echo 0 > \"$0/cgroup.procs\"; exec sleep 60"
        child = self.lab.start("client", "intruder", "sh", "-c", script, self.a.cgroup)
        self.addCleanup(self.lab.processes.end, child)
        done = wait_for(lambda: (d := self.a.sluice("check", check=False)).returncode == 1 and d,
                        "the check to report it", 5.0)
        self.assertRegex(done.stdout, rf"also {child.pid} \((sh|sleep)\)")
        self.lab.processes.end(child)
        wait_for(lambda: self.a.sluice("check", check=False).returncode == 0, "the check to be content")


if __name__ == "__main__":
    case.main()
