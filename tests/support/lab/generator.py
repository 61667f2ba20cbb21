"""Load programs of tests/bench in a soak: started in a namespace, measured from "measure" to "done"."""
import subprocess

from . import net
from .process import LabError


class Generator:
    """with Generator(lab, "client", "bench_load", "paced", host, port, 20, 5) as load: ...; load.finish()"""

    def __init__(self, lab, where, program, *arguments):
        self.name = f"{program} {' '.join(map(str, arguments))}"
        self.child = subprocess.Popen(net.inside(lab.netns(where), lab.binaries / program, *arguments),
                                      stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        if self.child.stdout.readline().strip() != "measure":
            self.child.wait()
            raise LabError(f"{self.name}: ended early")
        return self

    def finish(self):
        """The numbers behind "done": units, failed, and what more the program tells."""
        words = self.child.stdout.readline().split()
        if not words or words[0] != "done":
            raise LabError(f"{self.name}: {words}")
        return [int(word) for word in words[1:]]

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        self.child.stdout.close()
