"""The whole flow on working fakes: story by story, judged by the state it leaves."""

import pytest

pytest.register_assert_rewrite("tests.pipeline.verdicts")
