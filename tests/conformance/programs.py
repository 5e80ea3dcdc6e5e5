# SPDX-License-Identifier: BSL-1.0
"""Random scenarios: programs of tasks that wait for, cancel, limit and hand things to each other.

A program is written top down from a budget of statements. Tasks are awaited only by the task that made them or by ones
that came later, so nobody waits in a circle; anybody may cancel anybody. Durations are multiples of 10 ticks, so that
different instants are far apart and equal ones happen."""
import motifs
from motifs import STEP, op

DEEPEST = 4
ERRORS = ("ErrA", "ErrB", "ErrC")
CATCHES = (("ErrA",), ("ErrB", "ErrC"), ("any",), ("TimeoutError",), ("CancelledError",), ("any", "CancelledError"),
           ("ExceptionGroup",), ("ExceptionGroup", "any"))

# Statement and weight; the second list holds those that make tasks or blocks, for bodies that may still grow.
SIMPLE = (("rest", 16), ("say", 10), ("cancel_other", 5), ("use_object", 9), ("look", 4), ("fail", 2), ("leave", 1),
          ("cancel_self", 2), ("again", 1))
GROWING = (("run_several", 15), ("run_one", 10), ("start_some", 7), ("limit", 9), ("group", 8), ("guard", 8), ("nest", 1))


class Place:
    """Where a statement stands: what it may use and what is left to be collected."""

    def __init__(self, me, depth, groups=()):
        self.me = me
        self.depth = depth
        self.groups = list(groups)
        self.held = set()
        self.started = []
        self.handling = False


class Author:
    """Writes one scenario."""

    def __init__(self, rng, statements, shutdown=False):
        self.rng = rng
        self.left = statements
        self.shutdown = shutdown
        self.objects = {}
        self.tasks = {"main": []}
        self.callbacks = []
        self.numbers = {}

    # --- small parts --------------------------------------------------------------------------------------------------
    def maybe(self, probability):
        return self.rng.random() < probability

    def pick(self, *choices):
        return self.rng.choice(choices)

    def fresh(self, kind):
        self.numbers[kind] = self.numbers.get(kind, 0) + 1
        return f"{kind}{self.numbers[kind]}"

    def span(self, most=90):
        return STEP * self.rng.randint(1, most)

    def rest(self):
        return op("sleep", d=0 if self.maybe(0.05) else self.span())

    def say(self):
        return op("emit", v=self.fresh("e"))

    def error(self):
        return self.rng.choice(ERRORS)

    def new_object(self, kind, **spec):
        name = self.fresh(kind.replace("_", " ").title().replace(" ", ""))
        self.objects[name] = {"kind": kind, **spec}
        return name

    def some_object(self, kind, **spec):
        """One of up to three of that kind."""
        known = [name for name, made in self.objects.items() if made["kind"] == kind]
        if known and (len(known) > 2 or self.maybe(0.6)):
            return self.rng.choice(known)
        return self.new_object(kind, **spec)

    def later(self, *ops):
        """Something that a callback of the loop will do."""
        self.callbacks.append(op("call_later", name=self.fresh("@call"), d=self.span(), do=list(ops)))

    # --- bodies -------------------------------------------------------------------------------------------------------
    def body(self, place, size):
        ops = []
        while size > 0 and self.left > 0 and not (ops and ops[-1]["op"] in ("raise", "return")):
            ops += self.statement(place)
            size -= 1
        if place.started and self.maybe(0.7):
            ops += self.collect(place)
        return ops

    def block(self, place, most=3):
        return self.body(place, self.rng.randint(1, most)) or [self.rest()]

    def new_task(self, ops):
        name = self.fresh("t")
        self.tasks[name] = ops
        return name

    def child(self, place, groups=()):
        """A task with a life of its own; most rest first."""
        name = self.new_task([])
        ops = self.block(Place(name, place.depth + 1, groups), 4)
        if self.maybe(0.85):
            ops = [self.rest(), *ops]
        if self.maybe(0.5):
            ops = [*ops, op("return", v=self.rng.randint(0, 99))]
        if self.maybe(0.2):
            calm = [self.say(), *([self.rest()] if self.maybe(0.4) else [])]
            ops = [op("try", catch=["CancelledError"], body=ops, handler=calm, reraise=self.maybe(0.6))]
        self.tasks[name] = ops
        return name

    def children(self, place, groups=()):
        """One to three tasks of their own, or a few that meet at one object."""
        if self.maybe(0.4):
            return self.rng.choice(motifs.ALL)(self)
        return [self.child(place, groups) for _ in range(self.rng.randint(1, 3))]

    def guarded(self, place, ops):
        return self.attempt(place, ops) if self.maybe(0.55) else ops

    def attempt(self, place, ops):
        made = op("try", body=ops, catch=list(self.rng.choice(CATCHES)), handler=[], reraise=self.maybe(0.25))
        if self.maybe(0.5):
            outer, place.handling = place.handling, True
            made["handler"] = self.block(place, 2)
            place.handling = outer
        if self.maybe(0.25):
            made["finally"] = [self.say(), *([self.rest()] if self.maybe(0.4) else [])]
        return [made]

    def collect(self, place):
        names, place.started = place.started, []
        return [op("gather", tasks=names, return_exceptions=self.maybe(0.8))]

    # --- statements ---------------------------------------------------------------------------------------------------
    def statement(self, place):
        self.left -= 1
        weights = dict(SIMPLE)
        if place.depth < DEEPEST and self.left > 4:
            weights.update(GROWING)
        if place.groups:
            weights["spawn"] = 3
        if place.handling:
            weights["take_back"] = 8
        if place.started:
            weights["collect_now"] = 6
        kind = self.rng.choices(list(weights), list(weights.values()))[0]
        return getattr(self, "write_" + kind)(place)

    def write_rest(self, place):
        return [self.rest()]

    def write_say(self, place):
        return [self.say()]

    def write_fail(self, place):
        return [op("raise", error=self.error())]

    def write_leave(self, place):
        return [op("return", v=self.rng.randint(0, 99))]

    def write_again(self, place):
        return [op("repeat", n=self.rng.randint(2, 3), body=[self.rest(), self.say()])]

    def write_nest(self, place):
        return [op("call", body=self.block(place))]

    def write_cancel_other(self, place):
        others = list(self.tasks)[1:] or ["self"]
        return [*([self.rest()] if self.maybe(0.6) else []), op("cancel", task=self.rng.choice(others))]

    def write_cancel_self(self, place):
        ops = [op("cancel", task="self")]
        if self.maybe(0.5):
            ops.append(op("cancelling", task="self"))
        if self.maybe(0.3):
            ops.append(op("uncancel"))
        return ops

    def write_take_back(self, place):
        return [op("uncancel")]

    def write_look(self, place):
        kind = self.pick("all_tasks", "inspect", "cancelling")
        keys = {} if kind == "all_tasks" else {"task": self.rng.choice(list(self.tasks))}
        return [self.rest(), op(kind, **keys)]

    def write_use_object(self, place):
        return motifs.USES[self.rng.choice(list(motifs.USES))](self, place)

    def write_guard(self, place):
        return self.attempt(place, self.block(place))

    def write_run_several(self, place):
        names = self.children(place)
        kind = self.pick("gather", "gather", "gather", "wait", "wait", "as_completed", "await")
        if kind == "gather":
            ops = [op("gather", tasks=names, return_exceptions=self.maybe(0.5))]
        elif kind == "wait":
            until = self.pick("ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION")
            ops = [op("wait", tasks=names, return_when=until, timeout=self.span() if self.maybe(0.4) else None)]
            place.started += names
        elif kind == "as_completed":
            ops = [op("as_completed", tasks=names, timeout=self.span() if self.maybe(0.3) else None)]
        else:
            ops = [op("create", task=name) for name in names] + [op("await", task=name) for name in names]
        return self.guarded(place, ops)

    def write_run_one(self, place):
        name = self.child(place)
        kind = self.pick("wait_for", "wait_for", "shield", "await")
        ops = [op(kind, task=name)]
        if kind == "wait_for":
            ops[0]["timeout"] = None if self.maybe(0.1) else 0 if self.maybe(0.05) else self.span()
        elif kind == "shield":
            place.started.append(name)
        return self.guarded(place, ops)

    def write_start_some(self, place):
        names = self.children(place)
        place.started += names
        return [op("create", task=name) for name in names]

    def write_collect_now(self, place):
        return self.guarded(place, self.collect(place))

    def write_limit(self, place):
        name = self.fresh("T")
        body = self.block(place)
        if self.maybe(0.25):
            moved = op("reschedule", name=name, d=None if self.maybe(0.3) else self.span())
            body.insert(self.rng.randint(0, len(body)), moved)
        span = None if self.maybe(0.06) else 0 if self.maybe(0.03) else self.span()
        return self.guarded(place, [op("timeout", name=name, d=span, body=body)])

    def write_group(self, place):
        name = self.fresh("G")
        place.groups.append(name)
        body = [op("spawn", group=name, task=child) for child in self.children(place, [name])]
        body += self.body(place, self.rng.randint(0, 2))
        place.groups.remove(name)
        return self.guarded(place, [op("task_group", name=name, body=body)])

    def write_spawn(self, place):
        return [op("spawn", group=self.rng.choice(place.groups), task=self.child(place))]

    # --- the whole ----------------------------------------------------------------------------------------------------
    def scenario(self, ident):
        place = Place("main", 0)
        ops = []
        while self.left > 0:
            ops += self.statement(place)
            if ops[-1]["op"] in ("raise", "return", "cancel", "uncancel"):
                ops[-1] = self.rest()  # main goes on, and is not cancelled where nothing waits
        if place.started:
            ops += self.collect(place)
        # run() cancels what is left when main ends. Whatever happens, that is at an instant of its own.
        if self.maybe(0.75):
            ops = [op("timeout", name=self.fresh("T"), d=STEP * self.rng.randint(150, 400) + STEP // 2, body=ops)]
        whole = op("try", body=[*self.callbacks, *ops])
        whole["finally"] = [op("sleep", d=3)]
        self.tasks["main"] = [whole]
        return {"id": ident, "objects": self.objects, "tasks": self.tasks, "python": "3.13"}
