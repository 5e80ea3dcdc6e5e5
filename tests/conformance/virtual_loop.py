# SPDX-License-Identifier: BSL-1.0
"""asyncio event loops on a clock that jumps: CPython's own order of steps, or a random one."""
import asyncio
import bisect

MOST_TURNS = 100_000  # of one scenario: more is a program that never ends


class Deadlock(BaseException):
    """Nothing can run and no timer is set."""


class Overrun(BaseException):
    """The program goes on and on."""


class VirtualLoop(asyncio.BaseEventLoop):
    """The base of CPython's loops without files and sockets. It waits for nothing but timers, and those it reaches by
    moving its clock; while anything can run the clock stands still."""

    def __init__(self):
        super().__init__()
        self.clock = 0.0
        self.turns = 0
        self._selector = self  # whom the base class asks to wait
        self._clock_resolution = 1e-6
        self.set_exception_handler(lambda loop, context: None)

    def time(self):
        return self.clock

    def select(self, timeout):
        """Called once a turn with the time to the next timer; None if there is none and nothing is ready."""
        if timeout is None:
            raise Deadlock
        self.clock += max(timeout, 0)
        return ()

    def _process_events(self, events):
        pass

    def _write_to_self(self):
        pass

    def _run_once(self):
        self.turns += 1
        if self.turns > MOST_TURNS:
            raise Overrun
        super()._run_once()

    def interleave(self):
        """Between two ops of one step: here nothing else may run."""

    def settle(self):
        """Runs what is ready now and what that makes ready, without a move of the clock."""
        while self._ready:
            self.call_soon(self.stop)
            self.run_forever()


class ShuffledLoop(VirtualLoop):
    """Runs one ready callback a turn, whichever `choices` picks: any order of what falls on one instant may come out.

    With `preempt` others also run between two ops of one step, as the threads of a runtime of many loops would."""

    def __init__(self, choices, preempt):
        super().__init__()
        self.choices = choices
        self.preempt = preempt

    def _run_once(self):
        self.turns += 1
        if self.turns > MOST_TURNS:
            raise Overrun
        timers = sorted((timer for timer in self._scheduled if not timer.cancelled()), key=lambda timer: timer.when())
        if not self._ready and not self._stopping:
            if not timers:
                raise Deadlock
            self.clock = max(self.clock, timers[0].when())
        due = bisect.bisect_right(timers, self.clock, key=lambda timer: timer.when())
        self._ready.extend(timers[:due])
        self._scheduled[:] = timers[due:]  # sorted, so a heap
        self.run_one()

    def run_one(self):
        if not self._ready:
            return
        place = self.choices.randrange(len(self._ready))
        self._ready.rotate(-place)
        callback = self._ready.popleft()
        self._ready.rotate(place)
        if not callback.cancelled():
            callback._run()

    def interleave(self):
        if not self.preempt or not self.is_running():
            return
        interrupted = asyncio.current_task(self)
        while self._ready and self.choices.random() < 0.5:
            if interrupted is not None:
                asyncio.tasks._leave_task(self, interrupted)
            try:
                self.run_one()
            finally:
                if interrupted is not None:
                    asyncio.tasks._enter_task(self, interrupted)
