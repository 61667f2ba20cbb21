#!/usr/bin/env python3
"""Makes docs/configuration.md, docs/metrics.md and docs/reasons.md from the .def lists.

  scripts/generate_docs.py           writes the pages
  scripts/generate_docs.py --check   exits 1 when a page is not what its list says
"""
import ast
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CALL = re.compile(r'^SLUICE_(\w+)\((.*)\)$')
ARGUMENT = re.compile(r'\s*("(?:\\.|[^"\\])*"|[^,"]+)\s*(?:,|$)')


def entries(path):
    """(macro, [arguments]) of every line; string literals without their quotes."""
    for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1):
        if not line.startswith("SLUICE_"):
            continue
        match = CALL.match(line.strip())
        if not match:
            raise SystemExit(f"{path}:{number}: not one macro call on one line")
        values = [value.strip() for value in ARGUMENT.findall(match.group(2))]
        yield match.group(1), [ast.literal_eval(v) if v.startswith('"') else v for v in values]


def cell(text):
    return text.replace("|", "\\|")


def duration(milliseconds):
    milliseconds = int(milliseconds)
    for unit, size in (("h", 3600000), ("s", 1000)):
        if milliseconds % size == 0 and (milliseconds or unit == "s"):
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def bounds(macro, rest):
    """(values, default) as the operator reads them."""
    default = rest[0]
    if macro == "NUMBER":
        return f"{int(rest[1], 0)} to {int(rest[2], 0)}", default
    if macro == "DURATION":
        return f"{duration(rest[1])} to {duration(rest[2])}", duration(default)
    if macro == "CHOICE":
        return ", ".join(rest[1].split("|")), default
    if macro == "FLAG":
        return "true, false", default
    if macro == "LIST":
        return f"list of at most {rest[1]}", default
    return "text", default


def configuration():
    out = ["# Configuration of sluiced", "",
           "Made from `agent/config/config.def` by `scripts/dev docs`; do not edit.", "",
           "Read once at start from `--config FILE` (YAML, `section: {key: value}`); every key can also be set on",
           "the command line as `--section.key VALUE`, which wins. `sluiced --dump` prints what is in force. Lists",
           "are YAML sequences or comma-separated text; durations are written as 500ms, 30s, 5m, 24h or 7d."]
    section = None
    for macro, (name, key, *rest) in entries("agent/config/config.def"):
        if name != section:
            section = name
            out += ["", f"## {section}", "", "| key | values | default | meaning |", "|---|---|---|---|"]
        values, default = bounds(macro, rest)
        shown = f"`{default}`" if default else "empty"
        out.append(f"| `{name}.{key}` | {cell(values)} | {cell(shown)} | {cell(rest[-1])} |")
    return out


# What the agent adds to the proxy's own metrics (agent/app/metrics.cpp).
AGENT_METRIC = re.compile(r'(?:head|gauge)\(out, "(\w+)",\s*"([^"]+)"(?:, (true|false))?', re.S)


def metrics():
    out = ["# Metrics", "",
           "Made from `userspace-proxy/base/metrics.def` and `agent/app/metrics.cpp` by `scripts/dev docs`;",
           "do not edit.", "",
           "Prometheus text format, `sluice metrics`, `GET /metrics` on the control socket and, when",
           "`metrics.address` is set, on that port.", "", "| metric | kind | meaning |", "|---|---|---|"]
    for _, (_, kind, name, meaning) in entries("userspace-proxy/base/metrics.def"):
        out.append(f"| `{name}` | {kind} | {cell(meaning)} |")
    source = (ROOT / "agent/app/metrics.cpp").read_text(encoding="utf-8")
    for name, meaning, is_gauge in AGENT_METRIC.findall(source):
        out.append(f"| `{name}` | {'counter' if is_gauge == 'false' else 'gauge'} | {cell(meaning)} |")
    return out


def reasons():
    out = ["# Reasons", "",
           "Made from `bpf/include/reasons.def` by `scripts/dev docs`; do not edit.", "",
           "Every verdict and every end of a connection has one of these words, in the access log, in",
           "`sluice_connections_ended_total`, in `sluice_kernel_verdicts_total` and in `sluice explain`.",
           "Classes: pass = let through, take = captured, deny = refused by policy, fail = something broke,",
           "end = a normal end.", "", "| reason | class | where | meaning | what to do |", "|---|---|---|---|---|"]
    for _, (name, kind, origin, meaning, step) in entries("bpf/include/reasons.def"):
        out.append(f"| `{name}` | {kind} | {origin} | {cell(meaning)} | {cell(step)} |")
    return out


def main():
    stale = []
    for page, make in (("configuration", configuration), ("metrics", metrics), ("reasons", reasons)):
        path = ROOT / "docs" / f"{page}.md"
        text = "\n".join(make()) + "\n"
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(str(path.relative_to(ROOT)))
    if stale:
        print(f"stale: {', '.join(stale)}; run scripts/dev docs")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
