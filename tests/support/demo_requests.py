"""What policies do with requests, shown: the acts of the demonstration in which `web` calls `backend`. Each applies one
policy, shows the difference, and takes it back."""
import collections
import pathlib
import textwrap
import time

import demo_documents as documents
from demo_words import expect, show, title
from lab import net, programs
from lab.process import wait_for

PORT = 8080
LOCAL = 9100  # where web finds backend


def policy(kind, name, spec):
    return f"type: {kind}\nmesh: default\nname: {name}\nspec:\n{textwrap.indent(textwrap.dedent(spec), '  ')}"


def to_backend(default):
    return ("targetRef: {kind: Mesh}\nto:\n- targetRef: {kind: MeshService, name: backend}\n  default:\n"
            + textwrap.indent(textwrap.dedent(default), "    "))


def at_backend(default):
    return ("targetRef: {kind: MeshSubset, proxyTypes: [Sidecar], tags: {kuma.io/service: backend}}\n"
            "from:\n- targetRef: {kind: Mesh}\n  default:\n" + textwrap.indent(textwrap.dedent(default), "    "))


class Requests:
    """backend and canary live on node a, web on node b."""

    names = ("backend", "canary")

    def __init__(self, lab):
        self.lab = lab
        self.logs = {}

    def build(self):
        for name in self.names:
            self.logs[name] = programs.backend_app(self.lab, self.lab.netns(name), PORT, name)

    def documents(self, address):
        parts = []
        for name in self.names:
            attach = ("netns", net.NETNS / self.lab.netns(name))
            parts.append(documents.dataplane(f"{name}-1", "a", name, address[name][:1], attach, [PORT], "http"))
            parts.append(documents.allow(f"{name}-clients", name, ["web"]))
        return parts

    def acts(self):
        return (self.retry, self.timeout, self.weights, self.mirror, self.breaker, self.rate_limit, self.fault)

    def put(self, node, kind, name, spec):
        text = policy(kind, name, spec)
        for line in text.splitlines():
            print(f"     | {line}")
        begin = time.monotonic()
        out = self.lab.instances[node].apply(text).stdout
        show(f"sluice apply -f -     # node {node}, {time.monotonic() - begin:.2f} s", out)

    def take_back(self, node, kind, name):
        self.lab.instances[node].sluice("delete", kind, name)

    def ask(self, path, *options):
        """web calls backend; the lines of the answers, each answer's status after them"""
        done = self.lab.run("web", "curl", "-sS", "--noproxy", "*", "--max-time", "20", "-w", "%{http_code}\n",
                            *options, f"http://127.0.0.1:{LOCAL}{path}", check=False)
        return done.stdout.splitlines()

    def statuses(self, path, *options):
        counted = collections.Counter(self.ask(path, "-o", "/dev/null", *options))
        show(f"curl http://backend{path}     # from web", ", ".join(f"{n} x {s}" for s, n in sorted(counted.items())))
        return counted

    def line(self, node, *wanted):
        log = self.lab.instances[node].log
        found = wait_for(lambda: next((one for one in reversed(log.read_text(errors="replace").splitlines())
                                       if all(part in one for part in wanted)), None), f"a line with {wanted}", 5.0)
        show(f"tail sluiced.log     # node {node}", found)

    def retry(self):
        title("MeshRetry makes a flaky backend look steady (it answers two of three requests with 503)")
        before = self.statuses("/flaky/[1-30]")
        expect(before["503"] == 20, "20 of 30 requests fail")
        self.put("b", "MeshRetry", "steady", to_backend("""\
            http: {numRetries: 4, retryOn: [5xx], backOff: {baseInterval: 5ms, maxInterval: 20ms}}
            """))
        after = self.statuses("/flaky/[31-60]")
        expect(after == {"200": 30}, "none of 30 requests fails")
        asked = sum(int(path.rsplit("/", 1)[1]) > 30 for path in self.logs["backend"].read_text().splitlines())
        expect(asked == 90, f"the backend was asked {asked} times for these 30")
        self.line("b", "path=/flaky/", "retries=2")
        self.take_back("b", "MeshRetry", "steady")

    def timeout(self):
        title("MeshTimeout ends a request that takes too long")
        expect(self.statuses("/slow") == {"200": 1}, "a slow answer arrives")
        self.put("b", "MeshTimeout", "short", to_backend("http: {requestTimeout: 300ms}"))
        begin = time.monotonic()
        expect(self.statuses("/slow") == {"504": 1}, f"504 after {time.monotonic() - begin:.2f} s")
        self.line("b", "request_timeout", "path=/slow")
        self.take_back("b", "MeshTimeout", "short")

    def weights(self):
        title("MeshHTTPRoute shares out by weight: 80 to backend, 20 to canary")
        self.put("b", "MeshHTTPRoute", "split", """\
            targetRef: {kind: Mesh}
            to:
            - targetRef: {kind: MeshService, name: backend}
              rules:
              - matches: [{path: {type: PathPrefix, value: /}}]
                default:
                  backendRefs:
                  - {kind: MeshService, name: backend, weight: 80}
                  - {kind: MeshService, name: canary, weight: 20}
            """)
        answers = collections.Counter(line.split()[0] for line in self.ask("/split/[1-200]") if "/split/" in line)
        show("curl http://backend/split/[1-200]     # from web", ", ".join(f"{n} x {s}" for s, n in answers.items()))
        expect(sum(answers.values()) == 200 and 15 <= answers["canary"] <= 70,
               f"canary has answered {answers['canary']} of 200")
        self.take_back("b", "MeshHTTPRoute", "split")

    def mirror(self):
        title("MeshHTTPRoute mirrors requests to canary, whose answers nobody waits for")
        self.put("b", "MeshHTTPRoute", "mirror", """\
            targetRef: {kind: Mesh}
            to:
            - targetRef: {kind: MeshService, name: backend}
              rules:
              - matches: [{path: {type: PathPrefix, value: /}}]
                default:
                  filters:
                  - type: RequestMirror
                    requestMirror: {backendRef: {kind: MeshService, name: canary}, percentage: 100}
            """)
        answers = self.ask("/mirrored/[1-20]")
        expect(sum(line.startswith("backend /mirrored/") for line in answers) == 20, "backend answers all 20 requests")
        seen = wait_for(lambda: self.logs["canary"].read_text().count("/mirrored/") == 20 and 20,
                        "canary to see the mirrored requests", 5.0)
        expect(seen == 20, "canary has seen the same 20")
        self.take_back("b", "MeshHTTPRoute", "mirror")

    def breaker(self):
        title("MeshCircuitBreaker: no more than 2 requests at a time towards backend")
        crowd = ("--parallel", "--parallel-immediate", "--parallel-max", "10")
        expect(self.statuses("/slow/[1-10]", *crowd) == {"200": 10}, "ten slow requests at a time all reach it")
        self.put("b", "MeshCircuitBreaker", "two", to_backend("""\
            connectionLimits: {maxRequests: 2, maxPendingRequests: 2}
            """))
        begin = time.monotonic()
        after = self.statuses("/slow/[11-20]", *crowd)
        expect(after["200"] == 2 and after["503"] == 8,
               f"two are served, eight are refused at once (all over after {time.monotonic() - begin:.1f} s)")
        self.line("b", "breaker_open", "path=/slow/")
        self.take_back("b", "MeshCircuitBreaker", "two")

    def rate_limit(self):
        title("MeshRateLimit at backend: 5 requests a minute")
        self.put("a", "MeshRateLimit", "five", at_backend("""\
            local: {http: {requestRate: {num: 5, interval: 1m}, onRateLimit: {status: 429}}}
            """))
        after = self.statuses("/limited/[1-20]")
        expect(after == {"200": 5, "429": 15}, "five of twenty are served")
        self.line("a", "rate_limited", "path=/limited/")
        self.take_back("a", "MeshRateLimit", "five")

    def fault(self):
        title("MeshFaultInjection at backend: every request is answered with 418, or late")
        self.put("a", "MeshFaultInjection", "teapot", at_backend("""\
            http: [{abort: {httpStatus: 418, percentage: 100}}]
            """))
        expect(self.statuses("/tea/[1-5]") == {"418": 5}, "the application is not asked")
        expect("/tea/" not in self.logs["backend"].read_text(), "and has seen nothing")
        self.line("a", "fault_injected", "path=/tea/")
        self.put("a", "MeshFaultInjection", "teapot", at_backend("""\
            http: [{delay: {value: 400ms, percentage: 100}}]
            """))
        begin = time.monotonic()
        expect(self.statuses("/late") == {"200": 1} and time.monotonic() - begin > 0.4,
               f"an answer that took {time.monotonic() - begin:.2f} s")
        self.take_back("a", "MeshFaultInjection", "teapot")
