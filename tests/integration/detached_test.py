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
                wait_for(lambda: self.a.sluice("check", check=False).returncode == 1, "the check to report it", 5.0)
                wait_for(lambda: self.links().get(name) not in (None, before), "the program to be attached again", 15.0)
                wait_for(lambda: self.a.sluice("check", check=False).returncode == 0, "the check to be content", 10.0)
                self.assert_served("client")


if __name__ == "__main__":
    case.main()
