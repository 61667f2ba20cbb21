#!/usr/bin/env python3
"""docs/policy.md against the list of known differences: check_differences.py LIST PAGE [--write]"""
import pathlib
import sys

HEAD = "| reason | cases |\n|---|---|\n"


def table(text):
    reasons = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            case, reason = line.split(" | ", 1)
            reasons.setdefault(reason, []).append(f"`{case}`")
    return HEAD + "".join(f"| {reason} | {', '.join(cases)} |\n" for reason, cases in reasons.items())


def main():
    wanted = table(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    path = pathlib.Path(sys.argv[2])
    page = path.read_text(encoding="utf-8")
    start = page.index(HEAD)
    end = page.index("\n\n", start) + 1
    if page[start:end] == wanted:
        print("the page shows the list")
        return 0
    if "--write" in sys.argv:
        path.write_text(page[:start] + wanted + page[end:], encoding="utf-8")
        return 0
    print(f"{path}: the table of differences is old: run `scripts/dev docs`")
    return 1


if __name__ == "__main__":
    sys.exit(main())
