# SPDX-License-Identifier: BSL-1.0
"""Parts of scenarios. ALL: small groups of tasks that meet at one object, among them the instants at which asyncio's own
bugs have been: a grant and a cancel in one step, a group that fails while its owner is cancelled. USES: what a single
statement does with an object that others may use too. Each takes the author of the scenario (programs.Author)."""
STEP = 10  # ticks: every duration is a multiple of this


def op(kind, /, **keys):
    return {"op": kind, **keys}


def holding(obj, *body):
    return op("with", obj=obj, body=list(body))


def at_first(author, *ops):
    """A task that does this after a rest of its own."""
    return author.new_task([author.rest(), *ops])


def sometimes_cancel(author, names, probability):
    """The names, sometimes with a task more that cancels one of them."""
    if author.maybe(probability):
        names.append(at_first(author, op("cancel", task=author.rng.choice(names))))
    return names


# --- tasks that share an object ---------------------------------------------------------------------------------------
def supply(author):
    """A producer and a consumer; at times one item too few, a join, a shutdown."""
    kind = author.pick("queue", "queue", "priority_queue", "lifo_queue")
    queue = author.new_object(kind, maxsize=author.rng.randint(0, 2))
    items = author.rng.randint(1, 3)
    produce = []
    for _ in range(items):
        produce.append(op("put", obj=queue, v=author.rng.randint(0, 9)))
        produce += [author.rest()] if author.maybe(0.7) else []
    produce += [op("join", obj=queue)] if author.maybe(0.4) else []
    rest = [author.rest()] if author.maybe(0.7) else []
    consume = op("repeat", n=items + author.maybe(0.15), body=[op("get", obj=queue), *rest, op("task_done", obj=queue)])
    names = [at_first(author, *produce), at_first(author, consume)]
    if author.shutdown and author.maybe(0.6):
        names.append(at_first(author, op("shutdown", obj=queue, immediate=author.maybe(0.5))))
    return sometimes_cancel(author, names, 0.4)


def meeting(author):
    """Waiters of a condition and one who brings about what they wait for."""
    condition, variable = author.new_object("condition"), author.fresh("v")
    names = []
    for _ in range(author.rng.randint(1, 3)):
        wait = op("cond_wait", obj=condition, var=variable, ge=author.rng.randint(1, 2))
        names.append(at_first(author, holding(condition, wait, *([author.rest()] if author.maybe(0.3) else []))))
    change = [op("add", var=variable, n=1), op("notify", obj=condition, n=author.pick(1, 1, 2, None))]
    change += [author.rest()] if author.maybe(0.3) else []
    changes = []
    for _ in range(author.rng.randint(1, 3)):
        changes += [author.rest(), holding(condition, *change)]
    waiter = names[0]
    names.append(author.new_task(changes))
    if author.maybe(0.4):
        names.append(at_first(author, op("cancel", task=waiter)))
    return names


def rendezvous(author):
    """As many tasks as a barrier wants, once or twice; at times somebody breaks it."""
    parties, rounds = author.rng.randint(2, 3), author.rng.randint(1, 2)
    barrier = author.new_object("barrier", parties=parties)
    names = []
    for _ in range(parties):
        ops = [part for _ in range(rounds) for part in (author.rest(), op("barrier_wait", obj=barrier))]
        names.append(author.new_task(ops))
    if author.maybe(0.4):
        names.append(at_first(author, author.pick(op("barrier_abort", obj=barrier), op("barrier_reset", obj=barrier),
                                                  op("cancel", task=names[0]))))
    return names


def turns(author):
    """Tasks that hold one lock after the other."""
    lock = author.some_object("lock")
    names = [at_first(author, holding(lock, author.rest())) for _ in range(author.rng.randint(2, 4))]
    if author.maybe(0.3):
        names.append(at_first(author, op("locked", obj=lock)))
    return sometimes_cancel(author, names, 0.5)


def permits(author):
    """Tasks that share few permits; at times one permit more is released, which a bounded semaphore refuses."""
    semaphore = author.new_object(author.pick("semaphore", "bounded_semaphore"), value=author.rng.randint(1, 2))
    names = [at_first(author, holding(semaphore, author.rest())) for _ in range(author.rng.randint(2, 4))]
    if author.maybe(0.3):
        names.append(at_first(author, op("release", obj=semaphore)))
    return sometimes_cancel(author, names, 0.4)


def signal(author):
    """Tasks that wait for an event, which is set, and perhaps cleared and set again."""
    event = author.new_object("event")
    names = [at_first(author, op("event_wait", obj=event)) for _ in range(author.rng.randint(1, 3))]
    ops = [op("set", obj=event)]
    if author.maybe(0.4):
        ops += [author.rest(), op("clear", obj=event), author.rest(), op("set", obj=event)]
    return [*names, at_first(author, *ops)]


# A grant: what somebody does first, how the others wait, what lets the first of them go on, what is looked at last.
def lock_grant(author, name):
    author.objects[name] = {"kind": "lock"}
    take = op("acquire", obj=name)
    queue_behind = [take, op("release", obj=name)] if author.maybe(0.4) else []
    return [take], [take, author.rest(), op("release", obj=name)], [op("release", obj=name), *queue_behind], []


def permit_grant(author, name):
    author.objects[name] = {"kind": "semaphore", "value": 0}
    give = op("release", obj=name)
    return [], [op("acquire", obj=name), author.rest(), give], [give] * author.rng.randint(1, 2), []


def item_grant(author, name):
    author.objects[name] = {"kind": "queue", "maxsize": 0}
    items = [op("put_nowait", obj=name, v=v) for v in range(author.rng.randint(1, 2))]
    return [], [op("get", obj=name)], items, [op("qsize", obj=name)]


def room_grant(author, name):
    author.objects[name] = {"kind": "queue", "maxsize": 1}
    put = op("put", obj=name, v=author.rng.randint(1, 9))
    return [op("put", obj=name, v=0)], [put], [op("get_nowait", obj=name)], [op("qsize", obj=name)]


def notice_grant(author, name):
    author.objects[name], variable = {"kind": "condition"}, author.fresh("v")
    wait = holding(name, op("cond_wait", obj=name, var=variable, ge=1))
    notify = [op("acquire", obj=name), op("add", var=variable, n=1), op("notify", obj=name, n=1)]
    return [], [wait], notify, [op("release", obj=name)]


def result_grant(author, name):
    author.objects[name] = {"kind": "future"}
    given = author.pick(op("fut_set", obj=name, v=1), op("fut_fail", obj=name, error="ErrA"))
    return [], [op("fut_await", obj=name)], [given], []


def event_grant(author, name):
    author.objects[name] = {"kind": "event"}
    return [], [op("event_wait", obj=name)], [op("set", obj=name), op("clear", obj=name)], []


GRANTS = (lock_grant, permit_grant, item_grant, room_grant, notice_grant, result_grant, event_grant)


def grant_and_cancel(author):
    """In one step something is granted to the first of several waiters, and that waiter is cancelled."""
    first, wait, grant, last = author.rng.choice(GRANTS)(author, author.fresh("Shared"))
    waiters = []
    for place in range(author.rng.randint(2, 3)):
        ops = [op("sleep", d=STEP * (place + 1)), *wait]
        if author.maybe(0.2):
            ops = [op("try", catch=["CancelledError"], body=ops, handler=[author.say()], reraise=False)]
        waiters.append(author.new_task(ops))
    cancel = [op("cancel", task=waiters[0])]
    if author.maybe(0.25):
        cancel.append(op("cancel", task=waiters[1]))
    both = grant + cancel if author.maybe(0.6) else cancel + grant
    return [author.new_task([*first, op("sleep", d=10 * STEP), *both, *last, author.rest()]), *waiters]


def failing_group(author):
    """A task group fails while its owner is cancelled, or about then; its tasks may resist."""
    future, group = author.new_object("future"), author.fresh("G")
    bad = author.new_task([op("fut_await", obj=future)])
    body = [op("spawn", group=group, task=bad)]
    for _ in range(author.rng.randint(0, 2)):
        last_words = [author.rest()] if author.maybe(0.4) else []
        last_words += [op("raise", error=author.error())] if author.maybe(0.7) else []
        stubborn = op("try", catch=["CancelledError"], body=[op("sleep", d=99 * STEP)], handler=last_words, reraise=False)
        body.append(op("spawn", group=group, task=author.new_task([stubborn])))
    body += [op("sleep", d=99 * STEP)] if author.maybe(0.5) else []
    owner = author.new_task([
        op("try", catch=["ExceptionGroup"], reraise=False, body=[op("task_group", name=group, body=body)],
           handler=[op("cancelling", task="self")]),
        author.rest(), author.say()])
    fail, cancel = op("fut_fail", obj=future, error="ErrA"), op("cancel", task=owner)
    between = [op("sleep", d=STEP * author.rng.randint(0, 2))] if author.maybe(0.4) else []
    end = author.pick([fail, *between, cancel], [fail, *between, cancel], [cancel, *between, fail], [fail])
    return [owner, author.new_task([op("sleep", d=5 * STEP), *end])]


def common_worker(author):
    """Several tasks wait for one that the first of them to come makes; at times one of them is cancelled."""
    ending = author.pick(op("return", v=author.rng.randint(0, 9)), op("raise", error=author.error()))
    worker = author.new_task([author.rest(), ending])
    names = []
    for _ in range(author.rng.randint(2, 3)):
        wait = author.pick(op("await", task=worker), op("shield", task=worker),
                           op("wait_for", task=worker, timeout=author.span()),
                           op("wait", tasks=[worker], timeout=author.span(), return_when="ALL_COMPLETED"))
        names.append(at_first(author, wait))
    return sometimes_cancel(author, names, 0.5)


def tree(author):
    """Gathers within gathers: the children of a fork-join fork again."""
    def branch(depth):
        if depth == 0:
            ops = [author.rest()] if author.maybe(0.7) else []
            end = op("raise", error=author.error()) if author.maybe(0.15) else op("return", v=author.rng.randint(0, 9))
            return author.new_task([*ops, author.say(), end])
        names = [branch(depth - 1) for _ in range(author.rng.randint(2, 3))]
        fork = op("gather", tasks=names, return_exceptions=author.maybe(0.3))
        return author.new_task([author.say(), fork, op("return", v=depth)])
    return sometimes_cancel(author, [branch(author.rng.randint(1, 2)) for _ in range(author.rng.randint(1, 2))], 0.3)


def nested_limits(author):
    """Time limits within each other, now and then with one deadline, around something that may resist."""
    spans = [author.span(30) for _ in range(author.rng.randint(2, 3))]
    if author.maybe(0.4):
        spans[1] = spans[0]
    ops = [op("sleep", d=author.span(40))]
    if author.maybe(0.3):
        ops = [op("try", catch=["CancelledError"], body=ops, handler=[author.rest()], reraise=author.maybe(0.5))]
    for span in spans:
        ops = [op("timeout", name=author.fresh("T"), d=span, body=[*ops, author.say()])]
    name = author.new_task([op("try", catch=["TimeoutError"], body=ops, handler=[op("cancelling", task="self")]),
                            author.say()])
    return sometimes_cancel(author, [name], 0.3)


ALL = (supply, supply, meeting, rendezvous, turns, permits, signal, grant_and_cancel, grant_and_cancel, failing_group,
       common_worker, tree, tree, nested_limits)


# --- single statements ------------------------------------------------------------------------------------------------
def use_held(author, place, kind, **spec):
    name = author.some_object(kind, **spec)
    if name in place.held:
        return [author.rest()]
    place.held.add(name)
    ops = [holding(name, *author.block(place, 2))]
    place.held.discard(name)
    return ops


def use_lock(author, place):
    return use_held(author, place, "lock")


def use_semaphore(author, place):
    return use_held(author, place, "semaphore", value=author.rng.randint(1, 2))


def use_event(author, place):
    name = author.some_object("event")
    if author.maybe(0.4):
        return [op("set", obj=name)]
    if author.maybe(0.9):
        author.later(op("set", obj=name))
    return [op("event_wait", obj=name)]


def end_of_future(author, name, error):
    value = author.rng.randint(0, 99)
    return author.pick(op("fut_set", obj=name, v=value), op("fut_set", obj=name, v=value),
                       op("fut_fail", obj=name, error=error), op("fut_cancel", obj=name))


def use_future(author, place):
    name = author.some_object("future")
    if author.maybe(0.25):
        return [end_of_future(author, name, "ErrB")]
    if author.maybe(0.9):
        author.later(end_of_future(author, name, "ErrC"))
    return [op("fut_await", obj=name)]


def use_queue(author, place):
    name = author.some_object(author.pick("queue", "queue", "priority_queue"), maxsize=author.rng.randint(0, 2))
    kind, value = author.pick("put", "get", "put_nowait", "get_nowait", "qsize"), author.rng.randint(0, 9)
    if kind == "get" and author.maybe(0.9):
        author.later(op("put_nowait", obj=name, v=value))
    return [op(kind, obj=name, v=value) if kind.startswith("put") else op(kind, obj=name)]


USES = {"lock": use_lock, "semaphore": use_semaphore, "event": use_event, "future": use_future, "queue": use_queue}
