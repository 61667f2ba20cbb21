#!/usr/bin/env python3
"""Style limits as a test: file and function length, line width, banned words, dead files, generated docs.

Prints one line per violation (file:line: rule) and exits 1 if there is any. The limits come from docs/style.md.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILE_LINES, TEST_FILE_LINES = 500, 800
FUNCTION_LINES, BPF_FUNCTION_LINES, TEST_FUNCTION_LINES = 70, 100, 100
LINE_WIDTH = 120
BANNED = {
    r"\b(TODO|FIXME|XXX|HACK)\b": "leftover mark: finish it or open an issue",
    r"\busing namespace std;": "no using namespace std",
    r"#pragma warning|NOLINT": "no silenced warnings",
    r"this_thread::sleep|\busleep\(": "no sleeping: wait for a condition or use the ring's timers",
    r"\bstd::endl\b": "use a newline",
}
BANNED_NAMES = ("util", "utils", "common", "helper", "helpers", "misc")
SLEEP_ALLOWED = ("tests/support/",)
CONTROL = re.compile(r"^\s*(if|for|while|switch|else|do|return|case|namespace|struct|class|enum|union|extern)\b")


def tracked(*patterns):
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", *patterns], cwd=ROOT,
                         check=True, capture_output=True, text=True).stdout
    return [ROOT / line for line in out.splitlines() if (ROOT / line).is_file()]


def strip_code(text):
    """Comments, literals and preprocessor lines become spaces of the same shape; braces and lines can be counted."""
    literals = r'R"([^(]*)\(.*?\)\1"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\''
    pattern = re.compile(literals, re.S)
    bare = pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)
    return re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", lambda m: re.sub(r"[^\n]", " ", m.group()), bare, flags=re.M)


def functions(code):
    """Yields (first line, last line) of every function body found by matching braces at namespace or class level."""
    depth_kinds, start, header = [], None, ""
    for number, line in enumerate(code.splitlines(), 1):
        for char in line:
            if char == "{":
                inside = any(kind == "function" for kind in depth_kinds)
                is_function = (not inside and ")" in header and not CONTROL.match(header.strip() or "x")
                               and not re.search(r"=\s*$", header))
                if is_function:
                    start = number
                depth_kinds.append("function" if is_function else "block")
                header = ""
            elif char == "}":
                kind = depth_kinds.pop() if depth_kinds else "block"
                if kind == "function":
                    yield start, number
                header = ""
            elif char == ";":
                header = ""
            else:
                header += char
        header += " "


def check_file(path, problems):
    rel = path.relative_to(ROOT).as_posix()
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    is_test = rel.startswith("tests/")
    limit = TEST_FILE_LINES if is_test else FILE_LINES
    if len(lines) > limit and not rel.endswith(".def"):
        problems.append(f"{rel}:1: {len(lines)} lines, the limit is {limit}")
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_WIDTH and not rel.endswith(".def"):
            problems.append(f"{rel}:{number}: {len(line)} columns, the limit is {LINE_WIDTH}")
        for pattern, why in BANNED.items():
            if re.search(pattern, line) and not rel.startswith(SLEEP_ALLOWED) and path.name != "check_tidy.py":
                problems.append(f"{rel}:{number}: {why}")
    if path.suffix in (".c", ".cpp", ".h"):
        limit = BPF_FUNCTION_LINES if rel.startswith("bpf/") else TEST_FUNCTION_LINES if is_test else FUNCTION_LINES
        for first, last in functions(strip_code(text)):
            if last - first + 1 > limit:
                problems.append(f"{rel}:{first}: function of {last - first + 1} lines, the limit is {limit}")
    if any(part in BANNED_NAMES for part in pathlib.PurePath(rel).with_suffix("").parts):
        problems.append(f"{rel}:1: name says nothing about what is inside")


def dead_files(problems):
    """A source file that no CMake list names, or a header that nobody includes, is dead."""
    cmake = "\n".join(p.read_text() for p in tracked("*CMakeLists.txt", "*.cmake"))
    sources = tracked("*.cpp", "*.c", "*.h", "*.def")
    included = set()
    for path in sources:
        for name in re.findall(r'#include "([^"]+)"', path.read_text(encoding="utf-8")):
            included.add(name.rsplit("/", 1)[-1])
    for path in sources:
        rel = path.relative_to(ROOT).as_posix()
        if path.suffix in (".h", ".def"):
            if path.name not in included:
                problems.append(f"{rel}:1: nobody includes this file")
        elif not any(re.search(rf"\b{re.escape(name)}\b", cmake) for name in
                     (path.name, path.stem.removesuffix(".bpf"), path.stem.removesuffix("_test"))):
            problems.append(f"{rel}:1: no CMake list names this file")


def main():
    problems = []
    for path in tracked("*.c", "*.cpp", "*.h", "*.def", "*.py", "*.sh", "scripts/*", "*CMakeLists.txt", "*.cmake"):
        check_file(path, problems)
    dead_files(problems)
    print("\n".join(problems) if problems else "tidy: no violation")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
