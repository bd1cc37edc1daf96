"""The tools of "sample"; run with `python3 -m unittest discover tests` in the extension's folder."""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

from sample_tools import SAMPLE_GET_greeting  # noqa: E402


class SampleTest(unittest.TestCase):
    def test_a_greeting_has_the_name(self):
        success, payload = SAMPLE_GET_greeting(" Ada ")
        self.assertTrue(success)
        self.assertEqual(json.loads(payload), {"greeting": "Hello, Ada!"})

    def test_an_empty_name_is_a_failure_that_says_why(self):
        success, payload = SAMPLE_GET_greeting(" ")
        self.assertFalse(success)
        self.assertIn("empty", payload)


if __name__ == "__main__":
    unittest.main()
