# SPDX-License-Identifier: BSL-1.0
"""asyncio and uvloop: python_bench.py asyncio|uvloop WORKLOAD --threads 1 --size N --warmup N.

Called as the other programs are, and exits with 3 when it does not have the workload.
"""
import argparse
import asyncio
import json
import sys
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor


class Stopwatch:
    def __init__(self):
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def stop(self, ops, laps=()):
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        row = dict(n=ops, seconds=round(wall, 6), ops_per_s=round(ops / wall, 1), ns_per_op=round(wall / ops * 1e9, 2),
                   cpu_ns_per_op=round(cpu / ops * 1e9, 2))
        if laps:
            laps = sorted(laps)
            row.update(p50_us=round(laps[len(laps) // 2] * 1e6, 2), p99_us=round(laps[len(laps) * 99 // 100] * 1e6, 2))
        return row


def sum_below(count):
    return count * (count - 1) // 2


def require(holds, what):
    if not holds:
        sys.exit(f"check failed: {what}")


def peak_kb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


async def answer(value):
    return value


def together(count, function, *arguments):
    """Starts `count` tasks; the result awaits them all."""
    return asyncio.gather(*[asyncio.create_task(function(*arguments)) for _ in range(count)])


async def spawn_join(size, rounds=1):
    watch = Stopwatch()
    total = 0
    for _ in range(rounds):
        total += sum(await asyncio.gather(*[asyncio.create_task(answer(i)) for i in range(size)]))
    row = watch.stop(rounds * size)
    require(total == rounds * sum_below(size), "spawn: the sum")
    return row


async def spawn_rounds(size):
    return await spawn_join(1000, size // 1000)


async def yields(size):
    each = size // 1000

    async def yield_often():
        for _ in range(each):
            await asyncio.sleep(0)
        return each

    watch = Stopwatch()
    count = sum(await together(1000, yield_often))
    require(count == each * 1000, "yield: the count")
    return watch.stop(count)


async def pingpong(size):
    there, back = asyncio.Queue(1), asyncio.Queue(1)

    async def pong():
        for _ in range(size):
            await back.put(await there.get())

    async def ping():
        total = 0
        for i in range(size):
            await there.put(i)
            total += await back.get()
        return total

    watch = Stopwatch()
    _, total = await asyncio.gather(pong(), ping())
    require(total == sum_below(size), "pingpong: the sum")
    return watch.stop(size)


async def share(size, pairs):
    queue = asyncio.Queue(1024)
    each = size // pairs

    async def produce():
        for i in range(each):
            await queue.put(i)

    async def consume():
        total = 0
        while (value := await queue.get()) is not None:
            total += value
        return total

    watch = Stopwatch()
    consumers = together(pairs, consume)
    await together(pairs, produce)
    for _ in range(pairs):
        await queue.put(None)
    total = sum(await consumers)
    require(total == pairs * sum_below(each), "queue: the sum")
    return watch.stop(each * pairs)


async def queue_mpmc(size):
    return await share(size, 4)


async def queue_spsc(size):
    return await share(size, 1)


async def sleepers(size):
    async def sleep_for(i):
        await asyncio.sleep((i * 2654435761 & 0xFFFFFFFF) % 1001 / 1000)
        return 1

    watch = Stopwatch()
    awake = sum([await task for task in [asyncio.create_task(sleep_for(i)) for i in range(size)]])
    require(awake == size, "sleepers: the count")
    return watch.stop(size)


async def timers_churn(size):
    loop = asyncio.get_running_loop()
    watch = Stopwatch()
    total = 0
    for i in range(size):
        value = loop.create_future()
        loop.call_soon(value.set_result, i)
        total += await asyncio.wait_for(value, 10)
    require(total == sum_below(size), "timers_churn: the sum")
    return watch.stop(size)


async def lock(size, contended=False):
    tasks, mutex, count = 64, asyncio.Lock(), 0

    async def take_turns():
        nonlocal count
        for _ in range(size // tasks):
            async with mutex:
                count += 1
                if contended:
                    await asyncio.sleep(0)

    watch = Stopwatch()
    await together(tasks, take_turns)
    require(count == size // tasks * tasks, "lock: the count")
    return watch.stop(count)


async def lock_contended(size):
    return await lock(size, True)


async def offload_lat(size):
    laps, total = [], 0
    watch = Stopwatch()
    for i in range(size):
        start = time.perf_counter()
        total += await asyncio.to_thread(int, i)
        laps.append(time.perf_counter() - start)
    require(total == sum_below(size), "offload_lat: the sum")
    return watch.stop(size, laps)


async def offload_tput(size):
    tasks = 64
    each = size // tasks

    async def offload():
        return sum([await asyncio.to_thread(int, i) for i in range(each)])

    watch = Stopwatch()
    total = sum(await together(tasks, offload))
    require(total == tasks * sum_below(each), "offload_tput: the sum")
    return watch.stop(each * tasks)


async def cancel(size):
    tasks = [asyncio.create_task(asyncio.sleep(3600)) for _ in range(size)]
    await asyncio.sleep(0.01)
    watch = Stopwatch()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    row = watch.stop(size)
    require(all(task.cancelled() for task in tasks), "cancel: the count")
    return row


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def echo(_):
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0, backlog=2048)
    print("PORT", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def submit_lat(size, submit):
    laps, total = [], 0
    watch = Stopwatch()
    for i in range(size):
        start = time.perf_counter()
        total += submit(i).result()
        laps.append(time.perf_counter() - start)
    require(total == sum_below(size), "submit_lat: the sum")
    return watch.stop(size, laps)


def submit_tput(size, submit):
    clients, totals = 4, []
    each = size // clients

    def submit_many():
        in_flight, total = deque(), 0
        for i in range(each):
            if len(in_flight) == 2500:
                total += in_flight.popleft().result()
            in_flight.append(submit(i))
        totals.append(total + sum(call.result() for call in in_flight))

    threads = [threading.Thread(target=submit_many) for _ in range(clients)]
    watch = Stopwatch()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    require(sum(totals) == clients * sum_below(each), "submit_tput: the sum")
    return watch.stop(each * clients)


INSIDE = {f.__name__: f for f in (spawn_join, spawn_rounds, pingpong, queue_mpmc, queue_spsc, sleepers, timers_churn,
                                  lock, lock_contended, offload_lat, offload_tput, cancel, echo)}
INSIDE["yield"] = yields
OUTSIDE = {f.__name__: f for f in (submit_lat, submit_tput)}  # called on a foreign thread


def new_loop(runtime):
    loop = __import__(runtime).new_event_loop()
    loop.set_default_executor(ThreadPoolExecutor(4))
    return loop


def run(runtime, workload, size):
    loop = new_loop(runtime)
    if workload in INSIDE:
        return loop.run_until_complete(INSIDE[workload](size))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    row = OUTSIDE[workload](size, lambda i: asyncio.run_coroutine_threadsafe(answer(i), loop))
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    return row


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("runtime", choices=["asyncio", "uvloop"])
    parser.add_argument("workload")
    for name in ("--threads", "--size", "--warmup"):
        parser.add_argument(name, type=int, default=0)
    wanted = parser.parse_args()
    if wanted.workload not in INSIDE and wanted.workload not in OUTSIDE:
        sys.exit(3)
    if wanted.warmup > 0:
        run(wanted.runtime, wanted.workload, wanted.warmup)
    before = peak_kb()
    row = run(wanted.runtime, wanted.workload, wanted.size)
    print(json.dumps(dict(runtime=wanted.runtime, version=sys.version.split()[0], workload=wanted.workload, threads=1,
                          **row, rss_start_kb=before, max_rss_kb=peak_kb())))


if __name__ == "__main__":
    main()
