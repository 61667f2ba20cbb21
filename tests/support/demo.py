#!/usr/bin/env python3
"""The main job, shown: two nodes, real programs, mutual TLS between the nodes, a denied client, a live policy change,
certificate rotation, a killed proxy, and an uninstall that leaves the kernel as it was. Called by scripts/demo."""
import difflib
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import demo_documents as documents  # noqa: E402
from demo_log4shell import Log4Shell  # noqa: E402
from demo_requests import LOCAL, Requests  # noqa: E402
from demo_words import expect, show, title  # noqa: E402
from lab import Lab, LabError, net, programs  # noqa: E402
from lab.capture import TLS13, Capture, payloads, server_hello_versions  # noqa: E402
from lab.load import Load  # noqa: E402
from lab.process import wait_for  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"
SECRET = "hello from nginx"


class Demo:
    def __init__(self, lab):
        self.lab = lab
        self.address = {}
        self.before = {}
        self.requests = Requests(lab)

    def acts(self):
        return (self.build_topology, self.start_sluice, self.traffic, self.wire, self.denied, self.live_policy,
                *self.requests.acts(), self.rotation_and_kill)

    # -- the stage

    def build_topology(self):
        title("Two nodes joined by a wire; workloads in namespaces of their own; unmodified programs")
        lab = self.lab
        lab.add_nodes("a", "b")
        for node, names in (("a", ("client", "batch", "caller", "outsider", "stranger", *self.requests.names)),
                            ("b", ("web", "cache", "db", "shop", "secure"))):
            for name in names:
                self.address[name] = lab.add_workload(node, name)
        self.host_cgroup = lab.cgroup("backup-job")
        programs.nginx(lab, lab.netns("web"), body=SECRET)
        programs.redis(lab, lab.netns("cache"))
        programs.postgres(lab, lab.netns("db"))
        programs.mariadb(lab, lab.netns("shop"))
        self.own_certificate = programs.https(lab, lab.netns("secure"))
        self.requests.build()
        for name in ("a", "b", *self.address):
            self.before[name] = net.snapshot(lab.netns(name))
        for name, (v4, v6) in self.address.items():
            print(f"   {name:9} on node {lab.workloads[name][0]}  {v4:12} {v6}")

    def all_documents(self):
        lab, address = self.lab, self.address

        def netns(name):
            return ("netns", net.NETNS / lab.netns(name))
        both = [
            documents.dataplane("client-1", "a", "client", address["client"], netns("client")),
            documents.dataplane("batch-1", "a", "batch", address["batch"], netns("batch")),
            documents.dataplane("caller-1", "a", "caller", address["caller"], netns("caller"),
                                outbounds=[(9000, "web")]),
            documents.dataplane("outsider-1", "a", "outsider", address["outsider"], netns("outsider")),
            documents.dataplane("backup-1", "a", "backup", ("10.77.0.1", "fd77::1"), ("cgroup", self.host_cgroup)),
            documents.dataplane("web-1", "b", "web", address["web"], netns("web"), [80], "http",
                                outbounds=[(LOCAL, "backend")]),
            documents.dataplane("cache-1", "b", "cache", address["cache"], netns("cache"), [6379]),
            documents.dataplane("db-1", "b", "db", address["db"], netns("db"), [5432]),
            documents.dataplane("shop-1", "b", "shop", address["shop"], netns("shop"), [3306]),
            documents.dataplane("secure-1", "b", "secure", address["secure"], netns("secure"), [8443]),
        ]
        clients = ["client", "caller", "backup", "batch"]
        rules = [documents.allow("web-clients", "web", clients)]
        rules += [documents.allow(f"{s}-clients", s, ["client"]) for s in ("cache", "db", "shop", "secure")]
        return "---".join([documents.MESH, documents.PERMISSIVE_TLS, *both, *rules, *self.requests.documents(address)])

    def start_sluice(self):
        title("One Sluice per node: keeper, agent, unprivileged proxy; the CA is shared by files")
        text = self.all_documents()
        for node in ("a", "b"):
            instance = self.lab.instance(node, **{"identity.svid_lifetime": "30s"})
            instance.write_resource("demo", text)
            instance.start()
        for node in ("a", "b"):
            instance = self.lab.instances[node]
            show(f"sluice status            # node {node}", instance.sluice("status").stdout)
            show(f"sluice workloads         # node {node}", instance.sluice("workloads").stdout)

    # -- the acts

    def curl(self, where, url, *options, check=True, prefix=()):
        command = ["curl", "-sS", "--noproxy", "*", "--max-time", "10", *options, url]
        done = self.lab.run(where, *prefix, *command, check=check)
        return done

    def traffic(self):
        title("Unmodified programs work, over IPv4 and IPv6; the wire is captured meanwhile")
        lab, address = self.lab, self.address
        self.capture = Capture(lab, lab.netns("b"), "wire")
        web4, web6 = address["web"]
        out = self.curl("client", f"http://{web4}/").stdout
        show(f"curl http://{web4}/", out)
        expect(f"client={address['client'][0]}" in out, "nginx sees the client's true IPv4 address")
        out = self.curl("client", f"http://[{web6}]/").stdout
        show(f"curl http://[{web6}]/", out)
        expect(f"client={address['client'][1]}" in out, "nginx sees the client's true IPv6 address")
        out = lab.run("client", "redis-cli", "-h", address["cache"][0], "SET", "greeting", "hello").stdout
        show("redis-cli SET greeting hello", out)
        expect(out.strip() == "OK", "redis answers")
        out = lab.run("client", "psql", "-h", address["db"][0], "-U", "postgres", "-Atc",
                      "select 'postgres sees '||inet_client_addr()").stdout
        show("psql -c 'select inet_client_addr()'", out)
        expect(address["client"][0] in out, "PostgreSQL sees the client's true address")
        out = lab.run("client", "mariadb", "-h", address["shop"][0], "-u", "app", "-psecret", "--skip-ssl", "-Ne",
                      "select concat('mariadb sees ', user())").stdout
        show("mariadb -e 'select user()'    # the server speaks first", out)
        expect(address["client"][0] in out, "MariaDB sees the client's true address")
        out = self.curl("client", "https://own.example:8443/", "--http1.1", "--cacert", str(self.own_certificate),
                        "--resolve", f"own.example:8443:{address['secure'][0]}").stdout
        show("curl https://own.example:8443/   # the server's own certificate", out)
        expect("own certificate" in out, "the application's own TLS passes through untouched")
        out = lab.run("client", "openssl", "s_client", "-connect", f"{address['secure'][0]}:8443", "-alpn", "h2",
                      "-servername", "own.example", "-CAfile", self.own_certificate, "-brief", stdin="").stderr
        show("openssl s_client -alpn h2 -CAfile own.crt", out)
        out = lab.run("client", "openssl", "s_client", "-connect", f"{address['secure'][0]}:8443", "-alpn", "h2",
                      "-CAfile", self.own_certificate, stdin="").stdout
        expect("ALPN protocol: h2" in out and "Verify return code: 0 (ok)" in out,
               "client and server agreed on h2 by their own ALPN, with the server's own certificate")
        out = self.curl("caller", "http://127.0.0.1:9000/").stdout
        show("curl http://127.0.0.1:9000/   # a declared outbound", out)
        expect(SECRET in out, "a declared outbound on loopback reaches the service")
        out = self.curl("a", f"http://{web4}/", prefix=("sh", "-c", 'echo 0 > "$0/cgroup.procs"; exec "$@"',
                                                        str(self.host_cgroup))).stdout
        show("curl from a host process in an enrolled cgroup", out)
        expect("client=10.77.0.1" in out, "a host process of an enrolled cgroup is captured, its address is true")

    def wire(self):
        title("What the wire between the nodes carried")
        data = self.capture.stop()
        everything = b"".join(payloads(data))
        versions = server_hello_versions(data)
        print(f"   {len(data)} bytes captured, {len(everything)} bytes of TCP payload, {len(versions)} ServerHello")
        expect(SECRET.encode() not in everything and b"greeting" not in everything, "no plaintext of the payload")
        expect(TLS13 in versions and len(everything) > 1000, "TLS 1.3 between the nodes")

    def denied(self):
        title("Who is not allowed is refused, and Sluice says why")
        web4 = self.address["web"][0]
        done = self.curl("outsider", f"http://{web4}/", check=False)
        show(f"curl http://{web4}/   # from an enrolled client without permission", done.stderr)
        expect(done.returncode != 0, "the outsider is refused")
        b = self.lab.instances["b"]
        out = wait_for(lambda: b.sluice("explain", "--client", self.address["outsider"][0], check=False).stdout,
                       "the refusal to be recorded", 5.0)
        show(f"sluice explain --client {self.address['outsider'][0]}   # node b", out)
        expect("permission_denied" in out and "web-clients" in out, "explain names the reason and the nearest rule")
        done = self.curl("stranger", f"http://{web4}/", check=False)
        show(f"curl http://{web4}/   # from a client that is not enrolled", done.stderr)
        expect(done.returncode != 0, "plaintext to a STRICT service is refused")
        out = self.curl("stranger", "https://own.example:8443/", "--http1.1", "--cacert", str(self.own_certificate),
                        "--resolve", f"own.example:8443:{self.address['secure'][0]}").stdout
        expect("own certificate" in out, "a PERMISSIVE service still serves a client that is not enrolled")

    def live_policy(self):
        title("A policy applied live ends what it denies and touches nothing else")
        lab, web4 = self.lab, self.address["web"][0]
        for name in ("client", "batch"):
            lab.start(name, f"held-{name}", PYTHON, HERE / "held.py", web4, 80)
        logs = {name: lab.directory / f"held-{name}.log" for name in ("client", "batch")}
        wait_for(lambda: all("open" in log.read_text() for log in logs.values()), "both connections to open")
        text = documents.allow("web-clients", "web", ["client", "caller", "backup"])
        begin = time.monotonic()
        show("sluice apply -f -   # batch is no longer among web's clients", lab.instances["b"].apply(text).stdout)
        wait_for(lambda: "ended" in logs["batch"].read_text(), "the denied connection to end")
        elapsed = time.monotonic() - begin
        print(f"   batch: {logs['batch'].read_text().splitlines()[-1]}")
        expect(elapsed < 1.5, f"the denied connection ended {elapsed:.2f} s after the command was entered")
        expect("ended" not in logs["client"].read_text(), "the allowed connection lives on")

    def rotation_and_kill(self):
        title("Certificates rotate under load, and the proxy is killed with -9 under load")
        lab, web4 = self.lab, self.address["web"][0]
        a, b = lab.instances["a"], lab.instances["b"]
        serials = {node: self.serials(lab.instances[node]) for node in ("a", "b")}
        load = Load(lab, "client", 40, web4, 80)
        for instance in (b, a):
            old = instance.pids()["proxy"]
            load.kill(old)
            print(f"   $ kill -9 {old}   # the proxy of node {instance.node}")
            wait_for(lambda: instance.pids()["proxy"] not in (0, old), "the keeper to start a new proxy")
        wait_for(lambda: all(not (self.serials(lab.instances[n]) & serials[n]) for n in ("a", "b")),
                 "every certificate to be replaced", 60.0)
        print("   every certificate has been replaced")
        good, cut, failed = load.finish()
        print(f"   40 s of new connections, one after the other: {good} served, {len(failed)} failed; "
              f"{len(cut)} that a killed proxy was carrying ended with it")
        expect(good > 100 and not failed and len(cut) <= 2, "no new connection failed")

    def serials(self, instance):
        return {row["serial"] for row in instance.json("certs")["certificates"] if not row["authority"]}

    def uninstall(self):
        title("After uninstall the kernel is as before")
        for node in ("a", "b"):
            instance = self.lab.instances[node]
            show(f"sluice uninstall         # node {node}", instance.sluice("uninstall", "--yes").stdout)
            instance.daemon.wait(30)
            expect(not instance.left_behind(), f"node {node}: no pin, no cgroup")
        for name, before in self.before.items():
            after = net.snapshot(self.lab.netns(name))
            if after != before:
                changes = difflib.unified_diff(before.splitlines(), after.splitlines(), "before", "after", n=0)
                raise LabError(f"rules or routes differ in {name}:\n" + "\n".join(changes))
        expect(True, "no route, no rule and no setting differs in any namespace")
        done = self.curl("client", f"http://{self.address['web'][0]}/")
        expect(SECRET in done.stdout, "programs talk directly again")


def keep(lab):
    socket = {node: lab.instances[node].socket for node in ("a", "b")}
    binaries = lab.binaries
    print(f"""
Everything stays up. Try:
  nsenter --net=/run/netns/{lab.netns('client')} curl --noproxy '*' http://{lab.workloads['web'][1]}/
  {binaries}/sluice --socket {socket['b']} connections
  {binaries}/sluice --socket {socket['b']} explain --from client-1 --to {lab.workloads['web'][1]}:80
  {binaries}/sluice --socket {socket['a']} certs
  less {lab.instances['a'].config}       # how this instance was configured
  less {lab.instances['a'].resources}/demo.yaml
A further instance on a namespace of your own: docs/operations.md, "An instance by hand".
Remove everything: scripts/demo --down
""")


def main():
    binaries, options = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    unknown = set(options) - {"--keep", "--down", "--log4shell"}
    if unknown:
        print(f"scripts/demo: unknown option {unknown.pop()}; it takes --keep, --down or --log4shell", file=sys.stderr)
        return 2
    lab = Lab("demo", binaries)
    if "--down" in options:
        lab.cleanup()
        print("the demonstration is gone")
        return 0
    lab.__enter__()
    try:
        if "--log4shell" in options:
            for act in Log4Shell(lab).acts():
                act()
        else:
            demo = Demo(lab)
            for act in demo.acts():
                act()
            if "--keep" in options:
                keep(lab)
                return 0
            demo.uninstall()
    except Exception as error:
        print(f"\nscripts/demo: {error}", file=sys.stderr)
        for instance in lab.instances.values():
            print(f"-- log of node {instance.node}\n{instance.tail(40)}", file=sys.stderr)
        lab.cleanup()
        return 1
    lab.cleanup()
    print("\nThe demonstration ended well; nothing is left behind.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
