"""`sluice upgrade` under load: open connections live on in the earlier proxy, new ones are the new one's."""
import pathlib
import re
import shutil
import time

import case
from case import PYTHON, SUPPORT, TwoNodes, documents, netns_attach, programs, wait_for
from lab.load import Load
from lab.process import start_time

ECHO = 7000


class Upgrade(TwoNodes):
    lab_name = "upgrade"
    settings = {"proxy.upgrade_drain": "60s"}
    clients = ("client", "neighbour", "near")  # near serves too: the same-node path

    @classmethod
    def setUpClass(cls):
        built, case.BINARIES = case.BINARIES, pathlib.Path("/run/sluice-lab-upgrade-bin")
        shutil.rmtree(case.BINARIES, ignore_errors=True)
        case.BINARIES.mkdir(parents=True)
        cls.addClassCleanup(shutil.rmtree, case.BINARIES)
        cls.built = built
        for name in ("sluiced", "sluice-proxy", "sluice"):
            cls.install(name, built / name)
        super().setUpClass()
        for name in ("web", "near"):
            cls.lab.start(name, f"echo-{name}", PYTHON, SUPPORT / "echo_server.py", ECHO)
        for instance in (cls.a, cls.b):
            instance.wait_ready()

    @classmethod
    def install(cls, name, source):
        """As a package manager does it: another file under the same name."""
        partial = case.BINARIES / f".{name}"
        shutil.copy(source, partial)
        partial.rename(case.BINARIES / name)

    @classmethod
    def documents(cls):
        web, near = netns_attach(cls.lab, "web"), netns_attach(cls.lab, "near")
        return "---".join([
            documents.MESH,
            *(documents.dataplane(f"{n}-1", "a", n, cls.address[n], netns_attach(cls.lab, n))
              for n in ("client", "neighbour")),
            documents.dataplane("web-1", "b", "web", cls.address["web"], web, [80, ECHO]),
            documents.dataplane("near-1", "a", "near", cls.address["near"], near, [ECHO]),
            documents.allow("web-clients", "web", cls.clients), documents.allow("near-clients", "near", cls.clients)])

    def echo(self, name, server="web"):
        """A connection that goes on echoing until stop(); returns the process and the file that tells of its end."""
        log = self.lab.directory / f"{name}.log"
        log.unlink(missing_ok=True)
        child = self.lab.start("neighbour", name, PYTHON, SUPPORT / "echo_client.py", self.address[server][0], ECHO)
        self.addCleanup(self.lab.processes.end, child)
        wait_for(lambda: log.exists() and "open" in log.read_text(), f"{name} to open its connection")
        return child, log

    def serving_pids(self, server="web"):
        """{client's port: pid of the proxy} of the connections to the echo server."""
        out = self.lab.run(server, "ss", "-Htnp", "state", "established", f"dport = :{ECHO}").stdout
        return {int(port): int(pid) for port, pid in re.findall(r":(\d+)\s+\S+:%d\s.*,pid=(\d+)" % ECHO, out)}

    def upgrade(self, instance, check=True):
        done = instance.sluice("upgrade", "-o", "json", check=False)
        if check:
            self.assertEqual(done.returncode, 0, done.stderr + done.stdout + instance.tail())
        return done

    def loads(self, seconds):
        return [Load(self.lab, where, seconds, self.address["web"][0], 80, number)
                for number, where in enumerate(("client", "client", "neighbour", "near"))]

    def assert_none_failed(self, loads):
        good = 0
        for load in loads:
            served, cut, failed = load.finish()
            good += served
            self.assertEqual((cut, failed), ([], []), self.a.tail() + self.b.tail())
        self.assertGreater(good, 200)
        return good

    def leave(self, child, instance):
        """Closes the connection; the earlier proxy must end with it."""
        self.lab.processes.end(child)
        wait_for(lambda: not instance.status()["upgrade"]["leaving"], "the earlier proxy to end")

    def assert_echoes_on(self, log, child):
        self.assertIsNone(child.poll(), log.read_text())
        self.assertNotIn("ended", log.read_text(), self.a.tail() + self.b.tail())

    def test_upgrade_under_load(self):
        held = [self.echo("held-far"), self.echo("held-near", "near")]
        before = {i.node: i.pids() for i in (self.a, self.b)}
        logged = {i.node: len(i.log.read_text()) for i in (self.a, self.b)}
        old_far, old_near = set(self.serving_pids()), set(self.serving_pids("near"))
        loads = self.loads(8)
        for instance in (self.b, self.a):
            self.install("sluiced", self.built / "sluiced")
            self.install("sluice-proxy", self.built / "sluice-proxy")
            self.upgrade(instance)
            status = instance.status()
            old, new = before[instance.node], instance.pids()
            self.assertEqual(new["keeper"], old["keeper"])
            self.assertNotEqual(new["agent"], old["agent"])
            self.assertNotEqual(new["proxy"], old["proxy"])
            self.assertEqual([p["pid"] for p in status["upgrade"]["leaving"]], [old["proxy"]], status)
            self.assertGreater(status["upgrade"]["leaving"][0]["connections_open"], 0)
            print(f"node {instance.node}: upgraded in {status['upgrade']['took_seconds']} s", flush=True)
        fresh = [self.echo("fresh-far"), self.echo("fresh-near", "near")]
        for server, instance, old in (("web", self.b, old_far), ("near", self.a, old_near)):
            pids = self.serving_pids(server)
            new = {pid for port, pid in pids.items() if port not in old}
            self.assertEqual(new, {instance.pids()["proxy"]}, pids)
            self.assertEqual({pids[port] for port in old if port in pids}, {before[instance.node]["proxy"]})
        good = self.assert_none_failed(loads)
        print(f"{good} new connections under load, 0 failed", flush=True)
        for child, log in held + fresh:
            self.assert_echoes_on(log, child)
        self.assertTrue(self.b.wait_ready())
        for child, _ in held:
            self.lab.processes.end(child)
        for child, _ in held:
            self.assertEqual(child.returncode, 0)
        for instance in (self.a, self.b):
            wait_for(lambda: not instance.status()["upgrade"]["leaving"], "the earlier proxy to end")
            self.assertIsNone(start_time(before[instance.node]["proxy"]))
            log = instance.log.read_text()[logged[instance.node]:]
            self.assertIn(f"leaving proxy (pid {before[instance.node]['proxy']}) ended with code 0", log)
            self.assertNotIn(" tunnel_lost ", log)
        for child, log in fresh:
            self.assert_echoes_on(log, child)

    def test_drain_limit_cuts_with_a_reason(self):
        child, log = self.echo("held-until-the-limit")
        old = self.b.pids()["proxy"]
        self.b.settings["proxy.upgrade_drain"] = "2s"
        self.b.write_config()
        self.addCleanup(self.b.write_config)
        self.addCleanup(self.b.settings.update, self.settings)
        began = time.monotonic()
        self.upgrade(self.b)
        self.assert_echoes_on(log, child)
        wait_for(lambda: "ended" in log.read_text(), "the limit to cut the connection")
        self.assertTrue(1.9 < time.monotonic() - began < 15)
        wait_for(lambda: start_time(old) is None, "the earlier proxy to end")
        rows = self.b.json("connections", "--finished")["connections"]
        cut = [row for row in rows if row["reason"] == "drained" and row["destination"].endswith(f":{ECHO}")]
        self.assertTrue(cut, rows[-5:])
        self.assertEqual(self.b.status()["upgrade"]["leaving"], [])
        self.assert_served()

    def test_new_proxy_that_dies_at_once_changes_nothing(self):
        child, log = self.echo("held-bad-proxy")
        old = self.b.pids()
        loads = self.loads(3)
        self.install("sluice-proxy", "/bin/false")
        self.addCleanup(self.install, "sluice-proxy", self.built / "sluice-proxy")
        done = self.upgrade(self.b, check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("the new proxy ended with code 1; the earlier one goes on", done.stdout)
        self.assertEqual(self.b.pids()["proxy"], old["proxy"])
        self.assert_none_failed(loads)
        self.assert_echoes_on(log, child)
        self.assertIn("the earlier one goes on", self.b.sluice("status").stdout)
        case.run("kill", "-9", old["proxy"])  # started again as what it was, not as what failed
        self.b.wait_ready()
        self.assert_served()

    def test_new_proxy_that_dies_after_it_took_over_is_started_again(self):
        child, log = self.echo("held-late-death")
        loads = self.loads(4)
        self.upgrade(self.b)
        for load in loads:
            load.kills.append(time.monotonic())
        loads[0].kill(self.b.pids()["proxy"])
        for load in loads[1:]:
            load.kills.append(loads[0].kills[-1])
        for load in loads:
            good, _, failed = load.finish()
            self.assertEqual(failed, [])
            self.assertGreater(good, 50)
        self.assert_echoes_on(log, child)
        self.b.wait_ready()
        self.leave(child, self.b)

    def test_program_that_cannot_take_over_is_refused(self):
        child, log = self.echo("held-bad-keeper")
        old = self.b.pids()
        self.install("sluiced", "/bin/false")
        self.addCleanup(self.install, "sluiced", self.built / "sluiced")
        done = self.upgrade(self.b, check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("does not know how to take over", done.stdout)
        self.assertEqual(self.b.pids(), old)
        self.assert_echoes_on(log, child)

    def test_agent_that_does_not_start_leaves_the_proxy_alone(self):
        child, log = self.echo("held-bad-agent")
        old = self.b.pids()
        good_config = self.b.config.read_text()
        self.b.put_config(good_config + "nonsense: {key: 1}\n")
        self.addCleanup(self.b.put_config, good_config)
        case.run("curl", "-sS", "--unix-socket", self.b.socket, "-d", "{}", "http://sluice/v1/upgrade")
        wait_for(lambda: "no upgrade: the new agent" in self.b.log.read_text(), "the upgrade to fail")
        self.assert_served()
        self.assert_echoes_on(log, child)
        self.b.put_config(good_config)
        self.b.wait_ready()
        upgrade = self.b.status()["upgrade"]
        self.assertIn("the new agent ended with code 2", upgrade["problem"])
        self.assertEqual(self.b.pids()["proxy"], old["proxy"])
        self.assert_echoes_on(log, child)


if __name__ == "__main__":
    case.main()
