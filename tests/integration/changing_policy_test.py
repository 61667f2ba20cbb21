"""Policies that change every second under paced load: the short form of the steps policy_change of scripts/soak."""
import case  # first: it makes tests/support importable
import soak_change
from soak_change import ChangeNodes


class ChangingPolicy(ChangeNodes):
    late_max_ms = 1000  # one that met a busy machine or a sanitizer; scripts/soak holds each to its bar

    def held(self, name):
        step, _, (count, seconds), _ = soak_change.STEPS[name]
        print(f"{name} {count}: {step(type(self), count, seconds)}", flush=True)

    def test_between_two_nodes(self):
        self.held("policy_change")

    def test_on_one_node(self):
        self.held("policy_change_near")


if __name__ == "__main__":
    case.main()
