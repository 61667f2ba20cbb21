"""The demonstration itself, as a test: every promise that it checks, on this build's binaries."""
import sys
import unittest

import case


class MainJob(unittest.TestCase):
    def test_demonstration_keeps_its_promises(self):
        done = case.run(sys.executable, case.SUPPORT / "demo.py", case.BINARIES, check=False, timeout=350)
        print(done.stdout)
        self.assertEqual(done.returncode, 0, done.stderr[:6000])
        self.assertIn("nothing is left behind", done.stdout)


if __name__ == "__main__":
    case.main()
