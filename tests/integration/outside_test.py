"""MeshExternalService by name, with TLS: nginx of its own authority and a DNS server that the test moves."""
import base64
import json
import os
import pathlib
import textwrap

import case
from case import TwoNodes, documents, run, wait_for

RESOLVER = "127.0.0.77"
OUTSIDE = ("shop", "other")  # machines that no node has enrolled

NGINX = """\
    daemon off; master_process off; worker_processes 1; pid {home}/pid; error_log {home}/error.log;
    events {{ worker_connections 256; }}
    http {{
      access_log off; keepalive_requests 100000;
      client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
      fastcgi_temp_path {home}/fastcgi; uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
      server {{
        listen 8443 ssl;
        ssl_certificate {home}/server.crt; ssl_certificate_key {home}/server.key;
        ssl_client_certificate {home}/../ca.crt; ssl_verify_client optional;
        ssl_protocols TLSv1.2 TLSv1.3;
        location / {{ return 200 "{name} $ssl_protocol sni=$ssl_server_name client=$ssl_client_s_dn\\n"; }}
      }}
    }}
    """

SERVICE = """
type: MeshExternalService
name: shop
mesh: default
spec:
  match: {{port: 443, protocol: http}}
  endpoints: [{{address: shop.example, port: 8443}}]
  tls:
    enabled: true
{version}    verification:
{verification}"""


def base64_of(path):
    return base64.b64encode(path.read_bytes()).decode()


def secret(name, path):
    return f"type: Secret\nname: {name}\nmesh: default\ndata: {base64_of(path)}\n"


class Outside(TwoNodes):
    lab_name = "outside"
    settings = {"capture.resolvers": [RESOLVER]}

    @classmethod
    def documents(cls):
        own = "\n  - port: 9443\n    backendRef: {kind: MeshExternalService, name: shop, port: 443}"
        cls.make_outside()
        base = super().documents()
        for name in cls.clients:
            base = base.replace(f"kuma.io/service: {name}, kuma.io/protocol: tcp}}\n",
                                f"kuma.io/service: {name}, kuma.io/protocol: tcp}}\n  outbound:{own}\n")
        return base

    @classmethod
    def make_outside(cls):
        home = cls.home = cls.lab.directory / "pki"
        if home.exists():
            return
        home.mkdir()
        for authority in ("ca", "stranger"):
            run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={authority}",
                "-keyout", home / f"{authority}.key", "-out", home / f"{authority}.crt")
        cls.zone = home / "zone.json"
        cls.zone.write_text("{}")
        for name in OUTSIDE:
            cls.address[name] = cls.lab.add_workload("b", name)
            cls.certificate(home / name, "server", "ca", "DNS:shop.example")
            (home / name / "nginx.conf").write_text(textwrap.dedent(NGINX).format(home=home / name, name=name))
            cls.lab.start(name, f"{name}-nginx", "/usr/sbin/nginx", "-c", home / name / "nginx.conf", "-p", home / name)
        cls.certificate(home, "client", "ca", "DNS:client.example")
        cls.lab.start("a", "dns", case.PYTHON, case.SUPPORT / "dns_server.py", RESOLVER, cls.zone)
        wait_for(lambda: "listening" in (cls.lab.directory / "dns.log").read_text(), "the DNS server")

    @classmethod
    def certificate(cls, where, name, authority, names):
        where.mkdir(exist_ok=True)
        run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", where / f"{name}.key",
            "-out", where / f"{name}.csr")
        (where / f"{name}.ext").write_text(f"subjectAltName={names}\n")
        run("openssl", "x509", "-req", "-in", where / f"{name}.csr", "-CA", cls.home / f"{authority}.crt", "-CAkey",
            cls.home / f"{authority}.key", "-CAcreateserial", "-days", "2", "-extfile", where / f"{name}.ext", "-out",
            where / f"{name}.crt")

    def say(self, **names):
        partial = self.zone.with_suffix(".tmp")
        partial.write_text(json.dumps({name.replace("_", "."): what for name, what in names.items()}))
        os.replace(partial, self.zone)

    def shop_is(self, *machines):
        """By an alias, as names of large sites are."""
        self.say(shop_example={"cname": "edge.example", "ttl": 1},
                 edge_example={"a": [self.address[one][0] for one in machines], "ttl": 1})

    def serve(self, *lines, version=""):
        verification = "".join(f"      {line}\n" for line in lines)
        self.a.apply(SERVICE.format(version=version, verification=verification))

    def trust(self, name="ca"):
        return f"caCert: {{inline: {base64_of(self.home / f'{name}.crt')}}}"

    def ask(self):
        return self.curl("client", "http://127.0.0.1:9443/").stdout

    def wait_for_answer(self, wanted):
        return wait_for(lambda: wanted in (got := self.ask()) and got, f"an answer with {wanted}")

    def refused(self, reason):
        before = self.a.log.read_text(errors="replace").count(reason)
        self.assertEqual("", self.ask())  # relayed as bytes: no policy asks for requests
        wait_for(lambda: self.a.log.read_text(errors="replace").count(reason) > before, f"an access line with {reason}")

    def names(self, state):
        page = self.a.sluice("metrics").stdout
        return int(page.split(f'sluice_external_names{{state="{state}"}} ')[1].split()[0])

    def explained(self):
        return self.a.sluice("explain", "--from", "client-1", "--to", "shop.extsvc").stdout

    def test_1_tls_is_spoken_as_the_document_says(self):
        self.shop_is("shop")
        self.serve(self.trust())
        self.assertIn("shop TLSv1.3 sni=shop.example client=\n", self.wait_for_answer("shop"))
        self.serve(self.trust(), version="    version: {max: TLS12}\n")
        self.assertIn("shop TLSv1.2", self.ask())
        self.serve(self.trust(), "serverName: else.example")
        self.refused("tls_wrong_identity")
        self.serve(self.trust(), "serverName: else.example", "subjectAltNames: [{type: Exact, value: shop.example}]")
        self.assertIn("sni=else.example", self.ask())
        self.serve(self.trust(), "serverName: else.example", "mode: SkipSAN")
        self.assertIn("sni=else.example", self.ask())
        self.serve(self.trust("stranger"))
        self.refused("tls_untrusted")
        self.serve(self.trust("stranger"), "mode: SkipCA")
        self.assertIn("shop TLSv1.3", self.ask())
        self.serve("mode: Secured")
        self.refused("tls_untrusted")  # the system's authorities know it not
        self.a.apply(secret("our-cert", self.home / "client.crt"))
        self.a.apply(secret("our-key", self.home / "client.key"))
        self.serve(self.trust(), "clientCert: {secret: our-cert}", "clientKey: {secret: our-key}")
        self.assertIn("client=CN=client\n", self.ask())
        self.the_key_stays_secret()

    def the_key_stays_secret(self):
        body = (self.home / "client.key").read_text().splitlines()[3]
        for log in self.lab.directory.glob("*/sluiced.log"):
            self.assertNotIn(body, log.read_text(errors="replace"))
        for path in pathlib.Path(self.a.settings["paths.state_dir"]).rglob("*"):
            if path.is_file():
                self.assertEqual(0, path.stat().st_mode & 0o077, path)

    def test_2_a_name_moves_and_its_silence_ends_nothing(self):
        self.shop_is("shop")
        self.serve(self.trust())
        self.wait_for_answer("shop TLS")
        held = self.hold("neighbour", "held")
        self.shop_is("other")
        self.wait_for_answer("other TLS")
        self.assertEqual((1, 0), (self.names("fresh"), self.names("kept")))
        self.assertIn("1 addresses", self.explained())
        for what in ("silent", "servfail"):
            self.say(shop_example=what)
            wait_for(lambda: self.names("kept") == 1, "the name to be kept", 30.0)
            self.assertIn("other TLS", self.ask())
            self.assertIn("its last 1 addresses are used", self.explained())
            self.shop_is("other")
            wait_for(lambda: self.names("fresh") == 1, "the name to be known again", 30.0)
        self.say()
        wait_for(lambda: self.names("kept") == 1, "the name to be kept", 30.0)
        self.assertIn("other TLS", self.ask())
        self.assert_alive(held)

    def test_3_an_agent_that_begins_anew_knows_the_name(self):
        self.shop_is("other")
        self.serve(self.trust())
        self.wait_for_answer("other TLS")
        self.say(shop_example="silent")
        old = self.a.pids()["agent"]
        run("kill", "-9", old)
        wait_for(lambda: (status := self.a.status(check=False)) and status["agent_pid"] != old, "another agent")
        self.a.wait_ready()
        self.assertIn("other TLS", self.ask())
        self.assertEqual(1, self.names("kept"))


if __name__ == "__main__":
    case.main()
