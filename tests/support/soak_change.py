"""Policies that change every second under load: the steps policy_change and policy_change_near of scripts/soak.

Two h2load, one of 64 kept-alive HTTP/1.1 connections and one of 16 HTTP/2 connections, pace 20,200 requests a second
from `client` to a server on the other node (near: on the same one). Each second `sluice apply` changes one policy, and
a probe of another workload must see that in its answers within 100 ms of apply's return. No request of the load may
fail.
"""
import re
import statistics
import subprocess
import textwrap
import time

from case import PYTHON, SUPPORT, TwoNodes, documents, net, netns_attach, programs
from lab import LabError

LATE_MAX_MS = 100
REQUESTS_PER_SECOND = 20_200  # h2load offers no more, and 20,000 are to be carried
PORT = 8080
FAR, NEAR = 9100, 9101  # where clients find `far` and `near`
# service: (node, its second place of the route)
SERVERS = {"far": ("b", "far-other"), "near": ("a", "near-other")}


def route(service, backend, version):
    return textwrap.dedent(f"""\
        type: MeshHTTPRoute
        mesh: default
        name: change-{service}
        spec:
          targetRef: {{kind: Mesh}}
          to:
          - targetRef: {{kind: MeshService, name: {service}}}
            rules:
            - matches: [{{path: {{type: PathPrefix, value: /}}}}]
              default:
                filters:
                - type: ResponseHeaderModifier
                  responseHeaderModifier: {{set: [{{name: x-version, value: "{version}"}}]}}
                backendRefs: [{{kind: MeshService, name: {backend}, weight: 1}}]
        """)


def limit(service, status):
    """Empties the bucket of `limited` for good; what changes is how it is told."""
    return textwrap.dedent(f"""\
        type: MeshRateLimit
        mesh: default
        name: change-limit-{service}
        spec:
          targetRef: {{kind: Dataplane, name: {service}-1}}
          rules:
          - default: {{local: {{http: {{requestRate: {{num: 1000000, interval: 1s}}}}}}}}
          - matches: [{{spiffeID: {{type: Exact, value: "spiffe://default/limited"}}}}]
            default: {{local: {{http: {{requestRate: {{num: 1, interval: 1h}}, onRateLimit: {{status: {status}}}}}}}}}
        """)


class ChangeNodes(TwoNodes):
    """TwoNodes with an HTTP server and its second on each node, and a probe for each kind of change."""

    lab_name = "change"
    late_max_ms = LATE_MAX_MS  # of a single change; their median never may be later
    clients = ("client", "neighbour", "judged", "limited")
    outbounds = ((FAR, "far"), (NEAR, "near"))

    @classmethod
    def documents(cls):
        parts = [super().documents()]
        for service, (node, other) in SERVERS.items():
            for name in (service, other):
                if name not in cls.address:
                    cls.address[name] = cls.lab.add_workload(node, name)
                parts.append(documents.dataplane(f"{name}-1", node, name, cls.address[name][:1],
                                                 netns_attach(cls.lab, name), [PORT], "http"))
                parts.append(documents.allow(f"{name}-clients", name, cls.clients))
        return "---".join(parts)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for service, (_, other) in SERVERS.items():
            for name in (service, other):
                programs.nginx(cls.lab, cls.lab.netns(name), port=PORT, body=name)


class Load:
    """h2load in `client` for so many seconds; finish() gives its figures."""

    def __init__(self, soak, port, seconds, connections, rate, *options):
        self.command = ["h2load", "-D", seconds, "-c", connections, f"--rps={rate / connections:.3f}",
                        "--connection-inactivity-timeout=5", *options, f"http://127.0.0.1:{port}/load"]
        self.child = subprocess.Popen(net.inside(soak.lab.netns("client"), *self.command), stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True)

    def finish(self):
        """(requests that were answered, those that failed, ms of the slowest)"""
        text = self.child.communicate(timeout=60)[0]
        counts = re.search(r" (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", text)
        slowest = re.search(r"time for request: +\S+ +([\d.]+)(us|ms|s) ", text)
        if not counts or not slowest:
            raise LabError(f"{self.command}: {text}")
        done, succeeded, *bad = map(int, counts.groups())
        if done != succeeded or any(bad) or "0 3xx, 0 4xx, 0 5xx" not in text:
            raise LabError(f"requests failed under policy changes:\n{text}")
        return succeeded, float(slowest[1]) * {"us": 0.001, "ms": 1, "s": 1000}[slowest[2]]


class Probe:
    """change_probe.py in a workload; the moments at which its answers changed."""

    def __init__(self, soak, where, port):
        self.log = soak.lab.directory / f"probe-{where}.log"
        self.log.unlink(missing_ok=True)
        self.child = soak.lab.start(where, f"probe-{where}", PYTHON, SUPPORT / "change_probe.py", "127.0.0.1", port)

    def seen(self):
        """[(when the answer had come, answer)]"""
        rows = [line.split(" ", 2) for line in self.log.read_text().splitlines()]
        return [(float(received), answer) for _, received, answer in rows]

    def await_answer(self, wanted, begin, seconds):
        """When the first answer that `wanted` matches came after `begin`; None when there was none in time."""
        while True:
            found = next((at for at, answer in self.seen() if at > begin and re.fullmatch(wanted, answer)), None)
            if found or time.monotonic() > begin + seconds:
                return found
            time.sleep(0.01)


def changes(service):
    """Yields (what changes, is it the client's node that decides, document, who sees it, answer that shows it)."""
    other = SERVERS[service][1]
    for number in range(1, 1 << 30):
        place = (service, other)[number % 2]
        yield "route", True, route(service, place, f"a{number}"), "neighbour", f"200 a{number} {place},"
        yield "header", True, route(service, place, f"b{number}"), "neighbour", f"200 b{number} {place},"
        judge, seen = ((documents.deny, "closed|403 .*"), (documents.allow, "200 .*"))[number % 2 == 0]
        text = "---".join(judge(f"a-change-{name}", name, ["judged"]) for name in (service, other))
        yield "permission", False, text, "judged", seen
        status = (429, 503)[number % 2]
        yield "limit", False, "---\n".join(limit(name, status) for name in (service, other)), "limited", f"{status} .*"


def change(soak, count, service, port):
    server = soak.lab.instances[SERVERS[service][0]]
    soak.a.apply(route(service, service, "a0"))
    server.apply("---\n".join(limit(name, 429) for name in (service, SERVERS[service][1])))
    probes = {where: Probe(soak, where, port) for where in ("neighbour", "judged", "limited")}
    seconds = count + 3
    loads = [Load(soak, port, seconds, 64, REQUESTS_PER_SECOND / 2, "--h1"),
             Load(soak, port, seconds, 16, REQUESTS_PER_SECOND / 2, "-m", "16")]
    begin = time.monotonic()
    took, late, slowest = [], [], ""
    try:
        for number, (what, at_client, text, where, wanted) in zip(range(count), changes(service)):
            time.sleep(max(0.0, begin + 1 + number - time.monotonic()))
            asked = time.monotonic()
            (soak.a if at_client else server).apply(text)
            returned = time.monotonic()
            seen = probes[where].await_answer(wanted, asked, 5)
            if not seen:
                raise LabError(f"{what}: not seen within 5 s: {text}\n{probes[where].seen()[-3:]}")
            took.append(1000 * (returned - asked))
            late.append(1000 * (seen - returned))
            slowest = what if late[-1] == max(late) else slowest
    finally:
        for probe in probes.values():
            soak.lab.processes.end(probe.child)
        done = [load.finish() for load in loads]
    answered, longest = sum(good for good, _ in done), max(ms for _, ms in done)
    text = (f"{answered / seconds:.0f} requests a second, {answered} in all, 0 failed, slowest {longest:.0f} ms; "
            f"apply took {statistics.median(took):.0f} ms (at most {max(took):.0f}); seen in answers after its return: "
            f"median {statistics.median(late):.1f} ms, at most {max(late):.1f} ms ({slowest})")
    if statistics.median(late) > LATE_MAX_MS or max(late) > soak.late_max_ms:
        raise LabError(f"{text}: more than {LATE_MAX_MS} ms")
    return text


def far(soak, count, _):
    return change(soak, count, "far", FAR)


def near(soak, count, _):
    return change(soak, count, "near", NEAR)


# As in soak_load.
STEPS = {
    "policy_change": (far, (120, 0), (12, 0), "changes, two nodes"),
    "policy_change_near": (near, (120, 0), (12, 0), "changes, one node"),
}
