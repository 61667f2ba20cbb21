"""Load in great numbers and unequal neighbours: the short form of the load steps of scripts/soak."""
import resource

import case  # first: it makes tests/support importable
import soak_load
from soak_load import LoadNodes


class HeldLoad(LoadNodes):
    @classmethod
    def setUpClass(cls):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # of everything that is started here
        super().setUpClass()


def add(name, step, count, seconds):
    def test(self):
        print(f"{name} {count}: {step(type(self), count, seconds)}", flush=True)
    setattr(HeldLoad, f"test_{name}", test)


for step_name, (function, _, short, _) in soak_load.STEPS.items():
    add(step_name, function, *short)

if __name__ == "__main__":
    case.main()
