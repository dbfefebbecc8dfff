"""Work beside other work: done meanwhile, ended where nobody will ask for it, heard of if wrong."""

import threading
from concurrent.futures import CancelledError

import pytest

from churnlab.workflows.steps.beside import beside


def test_it_is_done_while_the_block_runs_in_another_thread():
    started = threading.Event()

    def work(update):
        update("one", 0.0)
        started.set()
        return threading.current_thread()

    with beside(work) as found:
        assert started.wait(30)
    assert found.result() is not threading.current_thread()
    assert found.done()


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_it_ends_at_its_next_step_where_the_block_fails(failure):
    began, steps = threading.Event(), []

    def work(update):
        while len(steps) < 10_000:
            steps.append(1)
            began.set()
            update("step", 0.0)
            threading.Event().wait(0.01)

    def block():
        with beside(work) as found:
            kept.append(found)
            assert began.wait(30)
            raise failure

    kept = []
    with pytest.raises(failure):
        block()
    assert isinstance(kept[0].exception(), CancelledError)
    assert len(steps) < 10_000


def test_what_goes_wrong_in_it_is_heard_where_its_result_is_asked_for():
    def work(_):
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"), beside(work) as found:
        found.result()
