"""Every kind of load at once with faults, limits and changing policies: the short form of scripts/soak mixed."""
import case  # first: it makes tests/support importable
import soak_mixed
from soak_mixed import MixedNodes


class MixedLoad(MixedNodes):
    def test_mixed(self):
        step, _, (seconds, rest), _ = soak_mixed.STEPS["mixed"]
        print(f"mixed {seconds} s: {step(type(self), seconds, rest)}", flush=True)


if __name__ == "__main__":
    case.main()
