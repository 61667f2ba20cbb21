"""Clients whose Dataplane lists IPv4 addresses only, and servers that are reached by IPv6."""
import case
from case import BODY, TwoNodes, documents, netns_attach, wait_for


class Families(TwoNodes):
    lab_name = "family"
    outbounds = ((9080, "web"),)

    @classmethod
    def documents(cls):
        """web has an IPv6 endpoint and no other; the clients' documents name their IPv4 addresses alone."""
        parts = [documents.MESH]
        parts += [documents.dataplane(f"{n}-1", "a", n, cls.address[n][:1], netns_attach(cls.lab, n),
                                      outbounds=cls.outbounds) for n in cls.clients]
        attach = netns_attach(cls.lab, "web")
        parts.append(documents.dataplane("web-1", "b", "web", cls.address["web"][1:], attach, [80]))
        parts.append(documents.allow("web-clients", "web", cls.clients))
        return "---".join(parts)

    def assert_true_client(self, where, url):
        self.assertIn(BODY, self.assert_served(where, url))
        own = f"client=[{self.address[where][1]}]"
        wait_for(lambda: own in self.b.log.read_text(), f"the server's log to tell {own}")

    def test_declared_outbound_on_loopback(self):
        """The first connection dials the tunnel, the second finds it; the application sees the client's own address."""
        for _ in range(2):
            self.assert_true_client("client", "http://127.0.0.1:9080/")
        self.assertIn("transport=tunnel", self.b.log.read_text())
        self.assertNotIn("tunnel_forged", self.b.log.read_text())

    def test_literal_address_of_the_other_family(self):
        self.assert_true_client("neighbour", f"http://[{self.address['web'][1]}]/")


if __name__ == "__main__":
    case.main()
