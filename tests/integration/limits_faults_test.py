"""MeshRateLimit and MeshFaultInjection at nginx, asked by curl: between two nodes over mTLS, and on one node."""
import textwrap
import time

import case
from case import TwoNodes, documents, programs, wait_for


def policy(kind, name, server, rules):
    return (f"type: {kind}\nmesh: default\nname: {name}\nspec:\n"
            f"  targetRef: {{kind: Dataplane, name: {server}}}\n  rules:\n"
            + textwrap.indent(textwrap.dedent(rules), "  "))


LIMIT = """
    - default: {local: {http: {requestRate: {num: 1000, interval: 1s}}}}
    - matches: [{spiffeID: {type: Exact, value: "spiffe://default/client"}}]
      default:
        local:
          http:
            requestRate: {num: 3, interval: 1h}
            onRateLimit: {status: 503, headers: {add: [{name: x-limit, value: three}]}}
    """


class LimitsAndFaults(TwoNodes):
    lab_name = "limits"

    @classmethod
    def documents(cls):
        if "near" not in cls.address:
            cls.address["near"] = cls.lab.add_workload("a", "near")
        near = documents.dataplane("near-1", "a", "near", cls.address["near"], case.netns_attach(cls.lab, "near"), [80],
                                   "http")
        return "---".join([super().documents(), near, documents.allow("near-clients", "near", cls.clients)])

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nginx = {"near": programs.nginx(cls.lab, cls.lab.netns("near"), body=case.BODY),
                     "web": cls.lab.directory / f"{cls.lab.netns('web')}-nginx"}

    # (server, the instance of its node)
    def sides(self):
        return (("web", self.b), ("near", self.a))

    def url(self, server, path="/"):
        return f"http://{self.address[server][0]}{path}"

    def apply(self, instance, kind, server, rules):
        name = f"{server}-policy"
        instance.apply(policy(kind, name, f"{server}-1", rules))
        self.addCleanup(instance.sluice, "delete", kind, name, check=False)

    def line(self, instance, *wanted):
        def find():
            lines = instance.log.read_text(errors="replace").splitlines()
            return next((line for line in lines if all(w in line for w in wanted)), None)
        return wait_for(find, f"an access line with {wanted}")

    def test_rate_limit_counts_by_identity_and_outlives_a_policy_change(self):
        for server, instance in self.sides():
            with self.subTest(server):
                self.apply(instance, "MeshRateLimit", server, LIMIT)
                many = self.curl("client", self.url(server, "/limited/[1-5]"), "-i").stdout
                self.assertEqual(3, many.count(case.BODY), many)
                self.assertEqual(2, many.count("HTTP/1.1 503"), many)
                self.assertEqual(2, many.count("x-envoy-ratelimited: true"), many)
                self.assertEqual(2, many.count("x-limit: three"), many)
                self.line(instance, "rate_limited", "path=/limited/5", "status=503", f"MeshRateLimit/{server}-policy")
                others = self.curl("neighbour", self.url(server, "/free/[1-5]")).stdout
                self.assertEqual(5, others.count(case.BODY), others)
                # Another policy: the bucket stays empty.
                self.apply(instance, "MeshTimeout", server, "- default: {http: {requestTimeout: 20s}}")
                self.assertEqual("local_rate_limited", self.curl("client", self.url(server)).stdout)
                instance.sluice("delete", "MeshRateLimit", f"{server}-policy")
                self.assert_served("client", self.url(server))

    def test_connections_are_limited_where_bytes_are_relayed(self):
        for server, instance in self.sides():
            with self.subTest(server):
                self.apply(instance, "MeshRateLimit", server,
                           "- default: {local: {tcp: {connectionRate: {num: 2, interval: 1h}}}}")
                done = [self.curl("client", self.url(server)).returncode for _ in range(3)]
                self.assertEqual([0, 0], done[:2])
                self.assertNotEqual(0, done[2])
                self.line(instance, "rate_limited", f"MeshRateLimit/{server}-policy")
                instance.sluice("delete", "MeshRateLimit", f"{server}-policy")

    def test_faults(self):
        for server, instance in self.sides():
            with self.subTest(server):
                self.apply(instance, "MeshFaultInjection", server, """
                    - matches: [{spiffeID: {type: Exact, value: "spiffe://default/client"}}]
                      default: {http: [{delay: {value: 700ms, percentage: 100}}]}
                    - matches: [{spiffeID: {type: Exact, value: "spiffe://default/neighbour"}}]
                      default: {http: [{abort: {httpStatus: 418, percentage: 100}}]}
                    """)
                begun = time.monotonic()
                self.assert_served("client", self.url(server))
                self.assertGreater(time.monotonic() - begun, 0.7)
                aborted = self.curl("neighbour", self.url(server, "/aborted"), "-w", " %{http_code}").stdout
                self.assertEqual("fault filter abort 418", aborted)
                self.line(instance, "fault_injected", "path=/aborted", "status=418",
                          f"MeshFaultInjection/{server}-policy")
                self.apply(instance, "MeshFaultInjection", server,
                           "- default: {http: [{responseBandwidth: {limit: 100kbps, percentage: 100}}]}")
                (self.nginx[server] / "files" / "big").write_bytes(b"x" * 204800)
                begun = time.monotonic()
                size = self.curl("client", self.url(server, "/files/big"), "-o", "/dev/null", "-w", "%{size_download}")
                self.assertEqual("204800", size.stdout)
                took = time.monotonic() - begun
                self.assertTrue(1.8 < took < 4.0, took)
                instance.sluice("delete", "MeshFaultInjection", f"{server}-policy")

    def test_a_client_that_leaves_ends_the_attempt(self):
        self.apply(self.b, "MeshFaultInjection", "web",
                   "- default: {http: [{delay: {value: 60s, percentage: 100}}]}")
        left = self.curl("client", self.url("web", "/left"), "--max-time", "1")
        self.assertEqual(28, left.returncode)
        line = self.line(self.b, "path=/left")
        self.assertIn("client_reset", line)


if __name__ == "__main__":
    case.main()
