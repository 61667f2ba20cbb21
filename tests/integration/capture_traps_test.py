"""Traps of capture, through the whole product (tests/bpf holds the same traps at the level of the programs)."""
import textwrap

import case
from case import BODY, TwoNodes, run, wait_for

CONNECT = """
import socket, sys
{setup}
s.settimeout(5)
s.{connect}
s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
data = b""
while chunk := s.recv(65536):
    data += chunk
print(s.getpeername(), data.decode())
"""


class CaptureTraps(TwoNodes):
    lab_name = "traps"

    def dial(self, where, setup, connect, check=True):
        script = CONNECT.format(setup=textwrap.dedent(setup), connect=connect)
        return self.lab.run(where, case.PYTHON, "-c", script, *self.address["web"], check=check)

    def assert_proxied(self, done, peer=None):
        self.assertIn(BODY, done.stdout)
        self.assertIn(f"client={self.address['client'][0]}", done.stdout)
        if peer:
            self.assertIn(peer, done.stdout)

    def test_peer_name_is_the_truth(self):
        done = self.dial("client", "s = socket.socket()", "connect((sys.argv[1], 80))")
        self.assert_proxied(done, self.address["web"][0])

    def test_v4_mapped(self):
        done = self.dial("client", "s = socket.socket(socket.AF_INET6)", "connect(('::ffff:' + sys.argv[1], 80))")
        self.assert_proxied(done)

    def test_bound_source_port_and_preset_mark(self):
        setup = """
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, 36, 0x40000000)
            s.bind(("0.0.0.0", 34567))
            """
        self.assert_proxied(self.dial("client", setup, "connect((sys.argv[1], 80))"))

    def test_mptcp_socket_is_served_or_refused_but_never_in_clear(self):
        done = self.dial("client", "s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)",
                         "connect((sys.argv[1], 80))", check=False)
        self.assertTrue(done.returncode != 0 or BODY in done.stdout)

    def test_self_calls(self):
        web4, web6 = self.address["web"]
        for url in (f"http://{web4}/", f"http://[{web6}]/", "http://127.0.0.1/", "http://0.0.0.0/", "http://[::1]/",
                    "http://[::]/"):
            with self.subTest(url):
                done = self.curl("web", url)
                self.assertIn(BODY, done.stdout, done.stderr)

    def declare_web(self, attach, ports):
        text = case.documents.dataplane("web-1", "b", "web", self.address["web"], attach, ports)
        for instance in (self.a, self.b):
            instance.apply(text)

    def test_refused_upstream_resets_the_client_at_once(self):
        attach = case.netns_attach(self.lab, "web")
        self.declare_web(attach, [80, 81])
        self.addCleanup(self.declare_web, attach, [80])
        script = textwrap.dedent("""
            import socket, sys, time
            begin = time.monotonic()
            s = socket.socket(); s.settimeout(5)
            try:
                s.connect((sys.argv[1], 81)); data = s.recv(1)
                print("eof" if not data else "data")
            except ConnectionError as error:
                print("reset", round(time.monotonic() - begin, 2))
            """)
        done = self.lab.run("client", case.PYTHON, "-c", script, self.address["web"][0])
        self.assertIn("reset", done.stdout)

    def test_workload_namespace_goes_away_and_nothing_leaks(self):
        v4, v6 = self.lab.add_workload("a", "shortlived")
        attach = case.netns_attach(self.lab, "shortlived")
        self.a.apply(case.documents.dataplane("short-1", "a", "short", (v4, v6), attach))
        wait_for(lambda: any(w["name"] == "short-1" and w["ready"] for w in self.a.json("workloads")["workloads"]),
                 "the workload to be ready")
        inode = self.lab.run("shortlived", "readlink", "/proc/self/ns/net").stdout.strip()
        run("ip", "netns", "delete", self.lab.netns("shortlived"))
        self.a.sluice("delete", "Dataplane", "short-1")
        keeper = self.a.pids()["keeper"]
        wait_for(lambda: inode not in run("ls", "-l", f"/proc/{keeper}/fd").stdout, "the namespace to be released")
        self.assert_served("client")

    def test_stopped_proxy_refuses_fast_and_recovers(self):
        pid = self.a.pids()["proxy"]
        run("kill", "-STOP", pid)
        try:
            wait_for(lambda: self.curl("client").returncode == 7, "closed-fast to refuse")
            out = self.a.sluice("explain", "--to", f"{self.address['web'][0]}:80", check=False).stdout
            self.assertIn("proxy_dead", out)
        finally:
            run("kill", "-CONT", pid)
        wait_for(lambda: self.curl("client").returncode == 0, "the proxy to be back")


if __name__ == "__main__":
    case.main()
