"""The bench looks for the children of processes that come and go while it looks."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
import bench  # noqa: E402


class Children(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.proc = pathlib.Path(made.name)

    def thread(self, pid, number, children=None):
        task = self.proc / str(pid) / "task" / str(number)
        task.mkdir(parents=True)
        if children is not None:
            (task / "children").write_text(children)

    def test_all_threads_are_asked(self):
        self.thread(1, 1, "10 11 ")
        self.thread(1, 2, "")
        self.thread(1, 3, "12 ")
        self.assertEqual({10, 11, 12}, bench.children_of(1, self.proc))

    def test_a_thread_that_ended_since_it_was_listed_hides_no_other(self):
        self.thread(1, 1, "10 ")
        self.thread(1, 2)
        self.thread(1, 3, "12 ")
        self.assertEqual({10, 12}, bench.children_of(1, self.proc))

    def test_who_is_gone_has_none(self):
        self.assertEqual(set(), bench.children_of(1, self.proc))

    def test_a_real_child_is_found(self):
        child = subprocess.Popen(["sleep", "60"])
        try:
            self.assertIn(child.pid, bench.with_children([os.getpid()]))
        finally:
            child.kill()
            child.wait()


if __name__ == "__main__":
    unittest.main(verbosity=2)
