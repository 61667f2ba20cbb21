#!/usr/bin/env python3
"""Include rules as a test: who may include whom, and the one home of each vendor header (docs/style.md, Layers)."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# folder -> folders it may include besides itself. Longest matching folder wins.
LAYERS = {
    "bpf": {"bpf"},
    "userspace-proxy/base": {"bpf/include"},
    "policy/table": {"userspace-proxy/base"},
    "policy/document": {"userspace-proxy/base", "policy/table/rule.h"},
    "policy/kinds": {"userspace-proxy/base", "policy/document"},
    "policy/engine": {"userspace-proxy/base", "userspace-proxy/x509/digest.h", "userspace-proxy/x509/pem.h",
                      "policy/document", "policy/kinds", "policy/table"},
    "policy/rules": {"userspace-proxy/base", "userspace-proxy/x509/digest.h", "policy/document", "policy/kinds",
                     "policy/engine"},
    "policy/effective": {"userspace-proxy/base", "policy/document", "policy/engine", "policy/rules"},
    "userspace-proxy/x509": {"userspace-proxy/base"},
    "userspace-proxy/io": {"userspace-proxy/base"},
    "userspace-proxy/tls": {"userspace-proxy/base", "userspace-proxy/x509", "userspace-proxy/io"},
    "userspace-proxy/tunnel": {"userspace-proxy/base", "userspace-proxy/io"},
    "userspace-proxy/http": {"userspace-proxy/base"},
    "userspace-proxy/codec": {"userspace-proxy/base", "userspace-proxy/io", "userspace-proxy/http"},
    "userspace-proxy/upstream": {"userspace-proxy/base", "policy/table"},
    "userspace-proxy/exchange": {"userspace-proxy/base", "userspace-proxy/io", "userspace-proxy/http",
                                 "userspace-proxy/codec", "userspace-proxy/upstream", "userspace-proxy/lua",
                                 "policy/table"},
    "userspace-proxy/lua": {"userspace-proxy/base", "userspace-proxy/http"},
    "userspace-proxy/relay": {"userspace-proxy/base", "userspace-proxy/io", "userspace-proxy/tls",
                              "userspace-proxy/tunnel", "userspace-proxy/codec", "userspace-proxy/exchange",
                              "userspace-proxy/upstream", "policy/table", "bpf/include"},
    "userspace-proxy/app": {"userspace-proxy", "policy/table", "bpf/include"},
    "agent/config": {"userspace-proxy/base", "policy/document"},
    "agent/keeper": {"userspace-proxy/base", "bpf/include/local_hop.h"},
    "agent/kernel": {"userspace-proxy/base", "bpf"},
    "agent/identity": {"userspace-proxy/base", "userspace-proxy/x509"},
    "agent/resources": {"userspace-proxy/base", "userspace-proxy/lua/syntax.h", "policy", "agent/config"},
    "agent/names": {"userspace-proxy/base", "policy/engine/host_addresses.h", "agent/resources"},
    "agent/enrol": {"userspace-proxy/base", "policy", "bpf/include", "agent/kernel", "agent/config",
                    "agent/identity", "agent/resources"},
    "agent/control": {"userspace-proxy/base", "bpf/include", "agent/app/agent_api.h"},
    "agent/ctl": {"userspace-proxy/base", "userspace-proxy/lua/syntax.h", "bpf/include", "policy"},
    "agent/app": {"userspace-proxy/base", "userspace-proxy/lua/syntax.h", "policy", "bpf", "agent"},
    "tests": {""},
}

# header prefix -> folders where it may be included
VENDORS = {
    "liburing": ["userspace-proxy/io", "agent/kernel", "tests/bench/generator"],
    "openssl/": ["userspace-proxy/x509", "userspace-proxy/tls", "agent/identity"],
    "intel-ipsec-mb.h": ["userspace-proxy/tls"],
    "nghttp2/": ["userspace-proxy/tunnel", "userspace-proxy/codec"],
    "yaml.h": ["policy/document"],
    "re2/": ["policy/kinds", "policy/table"],
    "bpf/libbpf": ["agent/kernel"],
    "bpf/bpf.h": ["agent/kernel"],
    "libmnl/": ["agent/kernel"],
    "spdlog/": ["userspace-proxy/base"],
    "microhttpd.h": ["agent/control"],
    "curl/": ["agent/ctl"],
    "CLI/": ["agent/ctl"],
    "nlohmann/": ["agent/control", "agent/ctl", "userspace-proxy/relay"],
    "luajit-2.1/": ["userspace-proxy/lua"],
    "ares.h": ["agent/names"],
    "seccomp.h": ["userspace-proxy/app"],
    "systemd/": ["agent/keeper"],
}
ROOTS = ("", "userspace-proxy/", "agent/", "bpf/include/", "bpf/")


def folder_of(rel, table):
    matches = [key for key in table if rel == key or rel.startswith(key + "/")]
    return max(matches, key=len) if matches else None


def resolve(name, including):
    beside = (including.parent / name)
    for candidate in [beside] + [ROOT / (root + name) for root in ROOTS]:
        if candidate.is_file():
            return candidate.resolve().relative_to(ROOT).as_posix()
    return None


def allowed(target, rules):
    return any(rule == "" or target == rule or target.startswith(rule + "/") for rule in rules)


def check(path, problems):
    rel = path.relative_to(ROOT).as_posix()
    layer = folder_of(rel, LAYERS)
    if layer is None:
        problems.append(f"{rel}:1: lies in no declared layer")
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
        if not match:
            continue
        name = match.group(2)
        target = resolve(name, path) if match.group(1) == '"' else None
        if target and folder_of(target, LAYERS) != layer and not allowed(target, LAYERS[layer]):
            problems.append(f"{rel}:{number}: {layer} may not include {target}")
        for prefix, homes in VENDORS.items():
            at_home = any(rel.startswith(home + "/") for home in homes) or rel.startswith(("tests/", "bpf/"))
            if name.startswith(prefix) and target is None and not at_home:
                problems.append(f"{rel}:{number}: <{name}> belongs in {' or '.join(homes)}")


def main():
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", "*.c", "*.cpp", "*.h"], cwd=ROOT,
                         check=True, capture_output=True, text=True).stdout
    problems = []
    for line in out.splitlines():
        if (ROOT / line).is_file():
            check(ROOT / line, problems)
    print("\n".join(problems) if problems else "layers: no violation")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
