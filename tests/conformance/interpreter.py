# SPDX-License-Identifier: BSL-1.0
"""What the ops of a scenario mean on asyncio. README.md beside this file describes each; this is the authority.

An op is a function in the table OPS: plain ones, which never wait, and coroutine functions. Each gets the world, the
name under which it runs, and the op's object.
"""
import asyncio
import inspect

OPS = {}


class ErrA(Exception):
    pass


class ErrB(Exception):
    pass


class ErrC(Exception):
    pass


RAISED = {kind.__name__: kind for kind in (ErrA, ErrB, ErrC)}


def op(function):
    """Enters `do_NAME` into the table under NAME, with whether it has to be awaited."""
    OPS[function.__name__.removeprefix("do_")] = (function, inspect.iscoroutinefunction(function))
    return function


def name_of_error(error):
    if isinstance(error, BaseExceptionGroup):
        return f"ExceptionGroup[{','.join(sorted(map(name_of_error, error.exceptions)))}]"
    return type(error).__name__


def shown(value):
    """A value as a trace holds it."""
    if isinstance(value, BaseException):
        return "!" + name_of_error(value)
    if isinstance(value, (list, tuple)):
        return [shown(each) for each in value]
    return value


def outcome_of(task):
    """How a done task ended: an error, "cancelled", or the value."""
    if task.cancelled():
        return "cancelled", None
    error = task.exception()
    return ("error", error) if error is not None else ("value", task.result())


class World:
    """One run of one scenario: its tasks, objects and events."""

    def __init__(self, scenario, loop, condition=asyncio.Condition):
        self.loop = loop
        self.bodies = scenario["tasks"]
        self.tasks = {}
        self.groups = {}
        self.scopes = {}
        self.variables = {}
        self.events = []  # (ticks, name, event, value)
        self.over = False
        makers = {
            "lock": lambda _: asyncio.Lock(),
            "event": lambda _: asyncio.Event(),
            "condition": lambda _: condition(),
            "semaphore": lambda spec: asyncio.Semaphore(spec["value"]),
            "bounded_semaphore": lambda spec: asyncio.BoundedSemaphore(spec["value"]),
            "barrier": lambda spec: asyncio.Barrier(spec["parties"]),
            "queue": lambda spec: asyncio.Queue(spec.get("maxsize", 0)),
            "priority_queue": lambda spec: asyncio.PriorityQueue(spec.get("maxsize", 0)),
            "lifo_queue": lambda spec: asyncio.LifoQueue(spec.get("maxsize", 0)),
            "future": lambda _: loop.create_future(),
        }
        self.objects = {name: makers[spec["kind"]](spec) for name, spec in scenario.get("objects", {}).items()}

    def note(self, name, event, value=None):
        if not self.over:
            now = self.loop.clock
            self.events.append((int(now) if now == int(now) else now, name, event, shown(value)))

    def enlist(self, name, task):
        """From here on the task is known by its name, and its end is noted."""
        self.tasks[name] = task
        task.add_done_callback(lambda done: self.note_end(name, done))
        self.loop.interleave()
        return task

    def note_end(self, name, task):
        how, what = outcome_of(task)
        if how == "cancelled":
            self.note(name, "end", "cancelled")
        elif how == "error":
            self.note(name, "end", "error " + name_of_error(what))
        else:
            self.note(name, "end", ["return", what])

    def task(self, name):
        """The task of that name; this mention makes it if none came before."""
        if name not in self.tasks:
            self.enlist(name, self.loop.create_task(self.live(name), name=name))
        return self.tasks[name]

    def all_of(self, op):
        return [self.task(name) for name in op["tasks"]]

    async def live(self, name):
        self.note(name, "start")
        returned = await self.perform(name, self.bodies[name])
        return returned[0] if returned else None

    async def perform(self, me, ops):
        """The ops in order. A list of one value: a `return` was reached, which ends the task's body."""
        for each in ops:
            self.loop.interleave()
            if each["op"] == "return":
                return [each.get("v")]
            function, waits = OPS[each["op"]]
            if not waits:
                function(self, me, each)
            elif returned := await function(self, me, each):
                return returned
        return None

    def call_back(self, name, ops):
        """Ops that never wait, from a callback of the loop."""
        try:
            for each in ops:
                self.loop.interleave()
                function, waits = OPS[each["op"]]
                if waits:
                    raise TypeError(f"{each['op']} waits: not for a callback")
                function(self, name, each)
        except Exception as error:
            self.note(name, "error", name_of_error(error))

    def aimed_at(self, me, op):
        name = me if op["task"] == "self" else op["task"]
        return name, self.tasks.get(name)

    def unfinished(self):
        return names_of(task for task in self.tasks.values() if not task.done())


def names_of(tasks):
    return sorted(task.get_name() for task in tasks)


# --- bodies -----------------------------------------------------------------------------------------------------------
@op
def do_emit(world, me, op):
    world.note(me, "emit", op["v"])


@op
def do_raise(world, me, op):
    raise RAISED[op["error"]]()


@op
async def do_sleep(world, me, op):
    await asyncio.sleep(op["d"])


@op
async def do_call(world, me, op):
    return await world.perform(me, op["body"])


@op
async def do_repeat(world, me, op):
    for _ in range(op["n"]):
        if returned := await world.perform(me, op["body"]):
            return returned
    return None


def catches(op, error):
    catch = op.get("catch", [])
    if name_of_error(error).split("[")[0] in catch:
        return True
    return "any" in catch and not isinstance(error, asyncio.CancelledError)


@op
async def do_try(world, me, op):
    try:
        returned = await world.perform(me, op["body"])
    except (Exception, asyncio.CancelledError) as error:
        if not catches(op, error):
            raise
        world.note(me, "caught", name_of_error(error))
        returned = await world.perform(me, op.get("handler", []))
        if op.get("reraise"):
            raise
    finally:
        if not world.over:  # else the frame is only being torn down
            await world.perform(me, op.get("finally", []))
    return returned


@op
def do_call_later(world, me, op):
    world.loop.call_later(op["d"], world.call_back, op["name"], op["do"])


# --- tasks ------------------------------------------------------------------------------------------------------------
@op
def do_create(world, me, op):
    world.task(op["task"])


@op
def do_spawn(world, me, op):
    name, group = op["task"], world.groups.get(op["group"])
    if group is None or name in world.tasks:
        world.note(me, "spawn", [name, "skipped"])
        return
    body = world.live(name)
    try:
        task = group.create_task(body, name=name)
    except RuntimeError:
        body.close()
        raise
    world.enlist(name, task)


@op
def do_cancel(world, me, op):
    name, task = world.aimed_at(me, op)
    world.note(me, "cancel", [name, task.cancel() if task is not None else "absent"])


@op
def do_cancelling(world, me, op):
    name, task = world.aimed_at(me, op)
    world.note(me, "cancelling", [name, task.cancelling() if task is not None else "absent"])


@op
def do_uncancel(world, me, op):
    world.note(me, "uncancel", world.tasks[me].uncancel())


@op
def do_inspect(world, me, op):
    name, task = world.aimed_at(me, op)
    if task is None or not task.done():
        world.note(me, "inspect", [name, "absent" if task is None else "pending"])
        return
    how, what = outcome_of(task)
    world.note(me, "inspect", [name, {"cancelled": how, "error": what}.get(how, [how, what])])


@op
def do_all_tasks(world, me, op):
    world.note(me, "all_tasks", names_of(asyncio.all_tasks(world.loop)))


@op
async def do_await(world, me, op):
    world.note(me, "await", [op["task"], await world.task(op["task"])])


@op
async def do_gather(world, me, op):
    collect = op.get("return_exceptions", False)
    world.note(me, "gather", await asyncio.gather(*world.all_of(op), return_exceptions=collect))


@op
async def do_wait(world, me, op):
    until = op.get("return_when", asyncio.ALL_COMPLETED)
    done, pending = await asyncio.wait(world.all_of(op), timeout=op.get("timeout"), return_when=until)
    world.note(me, "wait", [names_of(done), names_of(pending)])


@op
async def do_wait_for(world, me, op):
    world.note(me, "wait_for", [op["task"], await asyncio.wait_for(world.task(op["task"]), op["timeout"])])


@op
async def do_shield(world, me, op):
    world.note(me, "shield", [op["task"], await asyncio.shield(world.task(op["task"]))])


@op
async def do_as_completed(world, me, op):
    for coming in asyncio.as_completed(world.all_of(op), timeout=op.get("timeout")):
        try:
            world.note(me, "next", ["value", await coming])
        except (ErrA, ErrB, ErrC, BaseExceptionGroup) as error:
            world.note(me, "next", error)


# --- scopes -----------------------------------------------------------------------------------------------------------
@op
async def do_timeout(world, me, op):
    scope = asyncio.timeout(op["d"])
    world.scopes[op["name"]] = scope
    try:
        async with scope:
            returned = await world.perform(me, op["body"])
    finally:
        world.note(me, "timeout", [op["name"], scope.expired()])
    return returned


@op
def do_reschedule(world, me, op):
    when = world.loop.time() + op["d"] if op["d"] is not None else None
    world.scopes[op["name"]].reschedule(when)


@op
async def do_task_group(world, me, op):
    async with asyncio.TaskGroup() as group:
        world.groups[op["name"]] = group
        returned = await world.perform(me, op["body"])
    world.note(me, "task_group", op["name"])
    return returned


@op
async def do_with(world, me, op):
    async with world.objects[op["obj"]]:
        world.note(me, "enter", op["obj"])
        returned = await world.perform(me, op["body"])
        world.note(me, "leave", op["obj"])
    return returned


# --- objects ----------------------------------------------------------------------------------------------------------
@op
async def do_acquire(world, me, op):
    await world.objects[op["obj"]].acquire()
    world.note(me, "acquire", op["obj"])


@op
def do_release(world, me, op):
    world.objects[op["obj"]].release()
    world.note(me, "release", op["obj"])


@op
def do_locked(world, me, op):
    world.note(me, "locked", [op["obj"], world.objects[op["obj"]].locked()])


@op
def do_set(world, me, op):
    world.objects[op["obj"]].set()


@op
def do_clear(world, me, op):
    world.objects[op["obj"]].clear()


@op
async def do_event_wait(world, me, op):
    world.note(me, "event_wait", await world.objects[op["obj"]].wait())


@op
async def do_cond_wait(world, me, op):
    condition = world.objects[op["obj"]]
    if "var" in op:
        await condition.wait_for(lambda: world.variables.get(op["var"], 0) >= op["ge"])
    else:
        await condition.wait()
    world.note(me, "cond_wait", op["obj"])


@op
def do_notify(world, me, op):
    condition, count = world.objects[op["obj"]], op.get("n")
    condition.notify_all() if count is None else condition.notify(count)


@op
def do_add(world, me, op):
    world.variables[op["var"]] = world.variables.get(op["var"], 0) + op["n"]


@op
async def do_barrier_wait(world, me, op):
    await world.objects[op["obj"]].wait()
    world.note(me, "barrier_wait", op["obj"])


@op
async def do_barrier_reset(world, me, op):
    await world.objects[op["obj"]].reset()


@op
async def do_barrier_abort(world, me, op):
    await world.objects[op["obj"]].abort()


@op
async def do_put(world, me, op):
    await world.objects[op["obj"]].put(op["v"])
    world.note(me, "put", [op["obj"], op["v"]])


@op
def do_put_nowait(world, me, op):
    world.objects[op["obj"]].put_nowait(op["v"])


@op
async def do_get(world, me, op):
    world.note(me, "got", [op["obj"], await world.objects[op["obj"]].get()])


@op
def do_get_nowait(world, me, op):
    world.note(me, "got", [op["obj"], world.objects[op["obj"]].get_nowait()])


@op
def do_task_done(world, me, op):
    world.objects[op["obj"]].task_done()


@op
async def do_join(world, me, op):
    await world.objects[op["obj"]].join()
    world.note(me, "join", op["obj"])


@op
def do_qsize(world, me, op):
    world.note(me, "qsize", [op["obj"], world.objects[op["obj"]].qsize()])


@op
def do_shutdown(world, me, op):
    world.objects[op["obj"]].shutdown(immediate=op.get("immediate", False))


@op
async def do_fut_await(world, me, op):
    world.note(me, "fut_await", [op["obj"], await world.objects[op["obj"]]])


@op
def do_fut_set(world, me, op):
    world.objects[op["obj"]].set_result(op["v"])


@op
def do_fut_fail(world, me, op):
    world.objects[op["obj"]].set_exception(RAISED[op["error"]]())


@op
def do_fut_cancel(world, me, op):
    world.note(me, "cancel", [op["obj"], world.objects[op["obj"]].cancel()])
