"""How a demonstration speaks: titles, commands with what they said, and promises that are held or end it."""
import sys

from lab.process import LabError


def title(text):
    print(f"\n== {text}", flush=True)


def show(command, text):
    print(f"   $ {command}")
    for line in text.rstrip().splitlines():
        print(f"     {line}")
    sys.stdout.flush()


def expect(condition, what):
    if not condition:
        raise LabError(f"not as promised: {what}")
    print(f"   ok: {what}", flush=True)
