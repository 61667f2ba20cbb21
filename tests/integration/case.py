"""Base of the integration tests: a laboratory of two nodes with a client on node a and a web server on node b.

Every file runs as: FILE_test.py BIN_DIR [unittest arguments]. A skip is impossible: what cannot run fails.
"""
import pathlib
import sys
import unittest

SUPPORT = pathlib.Path(__file__).resolve().parent.parent / "support"
sys.path.insert(0, str(SUPPORT))
import demo_documents as documents  # noqa: E402
from lab import Lab, LabError, net, programs  # noqa: E402,F401
from lab.process import run, wait_for  # noqa: E402,F401

PYTHON = "/usr/bin/python3"
BODY = "integration body"
BINARIES = None


def netns_attach(lab, name):
    return ("netns", net.NETNS / lab.netns(name))


class TwoNodes(unittest.TestCase):
    """client (node a) and web (node b) are enrolled; `neighbour` is a second client whose connections must live on."""

    lab_name = "it"
    settings = {}
    clients = ("client", "neighbour")
    outbounds = ()  # (local port, service) of the clients

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(cls.lab_name, BINARIES)
        cls.lab.__enter__()
        cls.addClassCleanup(cls.lab.close)
        cls.lab.add_nodes("a", "b")
        cls.address = {name: cls.lab.add_workload("a", name) for name in cls.clients}
        cls.address["web"] = cls.lab.add_workload("b", "web")
        programs.nginx(cls.lab, cls.lab.netns("web"), body=BODY)
        for node in ("a", "b"):
            instance = cls.lab.instance(node, **cls.settings)
            instance.write_resource("base", cls.documents())
            instance.start()
        cls.a, cls.b = cls.lab.instances["a"], cls.lab.instances["b"]

    @classmethod
    def documents(cls):
        parts = [documents.MESH]
        parts += [documents.dataplane(f"{n}-1", "a", n, cls.address[n], netns_attach(cls.lab, n),
                                      outbounds=cls.outbounds) for n in cls.clients]
        attach = netns_attach(cls.lab, "web")
        parts.append(documents.dataplane("web-1", "b", "web", cls.address["web"], attach, [80], "http"))
        parts.append(documents.allow("web-clients", "web", cls.clients))
        return "---".join(parts)

    def curl(self, where, url=None, *options, check=False):
        url = url or f"http://{self.address['web'][0]}/"
        return self.lab.run(where, "curl", "-sS", "--noproxy", "*", "--max-time", "5", *options, url, check=check)

    def assert_served(self, where="client", url=None):
        done = self.curl(where, url)
        self.assertEqual(done.returncode, 0, done.stderr + self.a.tail() + self.b.tail())
        self.assertIn(BODY, done.stdout)
        return done.stdout

    def hold(self, where, name):
        """A connection that stays open and keeps asking; returns the file that tells when it ended."""
        log = self.lab.directory / f"{name}.log"
        log.unlink(missing_ok=True)
        child = self.lab.start(where, name, PYTHON, SUPPORT / "held.py", self.address["web"][0], 80)
        self.addCleanup(self.lab.processes.end, child)
        wait_for(lambda: log.exists() and "open" in log.read_text(), f"{name} to open its connection")
        return log

    def assert_alive(self, log):
        self.assertNotIn("ended", log.read_text(), "a neighbouring connection was cut")


def main():
    global BINARIES
    sys.modules["case"].BINARIES = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(module="__main__", verbosity=2)
