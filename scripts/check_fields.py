#!/usr/bin/env python3
"""The table in docs/policy.md that names the test of each field, as a test: every field of the nine kinds that
docs/policy-reference.md lists (which a unit test holds against the schemas) has a row, every row names a field that
there is, and every test it names exists, one of them in tests/sim or tests/integration."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
KINDS = ("MeshTimeout", "MeshRetry", "MeshCircuitBreaker", "MeshRateLimit", "MeshHealthCheck", "MeshFaultInjection",
         "MeshLoadBalancingStrategy", "MeshHTTPRoute", "MeshTCPRoute")
SECTION = "## The test of each field"
EVERY_KIND = "Every kind"
# A row may leave these out: what it says of the field then holds in each of them.
LISTS = ("to", "rules", "from")  # rows may speak of one as a whole
PARTS = ("to[].default.", "rules[].default.", "from[].default.")
SPAN = re.compile(r"`([^`]+)`")
CASE = re.compile(r"\bTEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\)|^class (\w+)\(|^    def (test_\w+)\(", re.M)


def section_of(text, title):
    found = re.search(rf"^{re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    if not found:
        raise SystemExit(f"no section {title}")
    return found.group(1)


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def fields_of(reference, kind):
    """The paths below spec of all fields of a kind; where the page says `as X`, those of X once more."""
    listed = {}
    for line in section_of(reference, f"## {kind}").splitlines():
        if line.startswith("| `spec."):
            row = cells(line)
            same = re.search(r"as `spec\.([^`]+)`", " ".join(row[1:]))
            listed[SPAN.match(row[0]).group(1).removeprefix("spec.")] = same.group(1) if same else None

    def below(path):
        inner = [other for other in listed if other.startswith((path + ".", path + "[]"))]
        if not inner and not listed.get(path):
            return [""]
        own = [end for other in inner if listed[other] is None and not
               any(deeper.startswith((other + ".", other + "[]")) for deeper in listed)
               for end in [other[len(path):]]]
        for other in [path, *inner]:
            if listed.get(other):
                own += [other[len(path):] + end for end in below(listed[other])]
        return own

    roots = [path for path in listed if not any(path != other and path.startswith((other + ".", other + "[]"))
                                                for other in listed)]
    return sorted({path + end for path in roots for end in below(path)})


def cases_of(path):
    out, suite = set(), ""
    for google, name, unit, method in CASE.findall(path.read_text(encoding="utf-8")):
        suite = unit or suite
        if google or method:
            out.add(f"{google or suite}.{name or method}")
    return out


def spans_of(cell):
    """The spans of a cell; one that begins with a dot stands in place of the last word of the one before it."""
    out = []
    for span in SPAN.findall(cell):
        out.append(out[-1].rsplit(".", 1)[0] + span if span.startswith(".") and out else span)
    return out


def rows_of(policy):
    """(kinds, fields, {(file, test)}, line) of each row."""
    for line in section_of(policy, SECTION).splitlines():
        if not line.startswith("| ") or line.startswith("| field"):
            continue
        field, test = cells(line)
        kinds = KINDS if field.startswith(EVERY_KIND) else re.findall(r"\bMesh\w*", field.split("`")[0])
        tests, file = [], None
        for part in re.split(r"(?<=`): |; |, ", test):
            for span in SPAN.findall(part):
                if re.search(r"\.(cpp|py)$", span):
                    file = span
                elif span.startswith(".") and tests:
                    tests.append((file, tests[-1][1].split(".")[0] + span))
                elif re.fullmatch(r"\w+\.\w+", span):
                    tests.append((file, span))
        yield kinds, spans_of(field), tests, line


class Tests:
    def __init__(self):
        self.files = [path for ring in ("sim", "integration", "unit")
                      for path in sorted((ROOT / "tests" / ring).rglob("*_test.*"))]
        self.cases = {}

    def rings_with(self, file, name):
        out = set()
        for path in self.files:
            if file and str(path).endswith("/" + file):
                if path not in self.cases:
                    self.cases[path] = cases_of(path)
                if name in self.cases[path]:
                    out.add(path.relative_to(ROOT / "tests").parts[0])
        return out


def problems():
    reference = (ROOT / "docs/policy-reference.md").read_text(encoding="utf-8")
    policy = (ROOT / "docs/policy.md").read_text(encoding="utf-8")
    known = {kind: fields_of(reference, kind) for kind in KINDS}
    held = {kind: set() for kind in KINDS}
    tests = Tests()
    for kinds, fields, named, line in rows_of(policy):
        start = line[:90]
        for field in fields:
            meant = {kind: {path for path in known.get(kind, ()) if path in (field, *(part + field for part in PARTS))}
                     for kind in kinds}
            for kind, paths in meant.items():
                if kind in held and not paths and kinds is not KINDS and field not in LISTS:
                    yield f"{start}: {kind} has no field {field}"
                held.get(kind, set()).update(paths)
        rings = [(file, name, tests.rings_with(file, name)) for file, name in named]
        yield from (f"{start}: no test {name} in {file}" for file, name, found in rings if not found)
        elsewhere = not any(found & {"sim", "integration"} for _, _, found in rings)
        if set(kinds) & set(KINDS) and elsewhere and "| not enforced; " not in line:
            yield f"{start}: names no test of tests/sim or tests/integration"
    for kind in KINDS:
        yield from (f"{kind} {path}: no row" for path in known[kind] if path not in held[kind])


def main():
    found = list(problems())
    print("\n".join(found) or "each field has its test")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
