// SPDX-License-Identifier: BSL-1.0
// Tasks that wait in every construct there is, nested by chance, and are cancelled at random steps by tasks of all loops and
// by foreign threads. Each cancel that was accepted is counted by its task, each frame is destroyed once, and what they share
// is whole at the end.
#include <gyre/fiber/fiber.hpp>

#include <optional>

#include "crowd.hpp"

namespace storm {
namespace {

constexpr int permit_count = 3;
constexpr int depth_of_nesting = 2;
constexpr auto brief = 40us;

/// An error that the scenario throws on purpose.
class mishap : public std::runtime_error {
 public:
  mishap() : std::runtime_error("mishap") {}
};

/// A queue, and what went in and out.
template <class Queue>
struct watched_queue {
  explicit watched_queue(std::ptrdiff_t room) : items(room) {}
  Queue items;
  ledger in;
  ledger out;
};

/// What all victims share.
struct arena {
  explicit arena(trial& round)
      : t(round), owners(round, 1, "two owners of a lock"), holders(round, permit_count, "more owners than permits") {}
  trial& t;
  gyre::lock mutex;
  occupancy owners;
  gyre::bounded_semaphore permits{permit_count};
  occupancy holders;
  gyre::event flag;
  gyre::condition changed;
  gyre::barrier gate{2};
  watched_queue<gyre::queue<std::uint64_t>> fifo{2};
  watched_queue<gyre::lifo_queue<std::uint64_t>> lifo{2};
  watched_queue<gyre::priority_queue<std::uint64_t>> sorted{2};
  std::atomic<std::uint64_t> next{1};
  std::atomic<bool> over{false};
};

gyre::coro<> step(arena& a, dice d, int depth);

// --- leaves: what a task can wait for --------------------------------------------------------------------------------
gyre::coro<> in_sleep(arena&, dice d, int) { co_await gyre::sleep(d.delay(brief)); }

gyre::coro<> in_lock(arena& a, dice d, int depth) {
  const auto held = co_await a.mutex.scoped();
  a.owners.enter();
  std::exception_ptr error;
  try {
    if (depth == 0) co_await pause(d.split());
  } catch (...) {
    error = std::current_exception();
  }
  a.owners.leave();
  if (error != nullptr) std::rethrow_exception(error);
}

gyre::coro<> in_semaphore(arena& a, dice d, int) {
  const auto held = co_await a.permits.scoped();
  a.holders.enter();
  std::exception_ptr error;
  try {
    co_await pause(d.split());
  } catch (...) {
    error = std::current_exception();
  }
  a.holders.leave();
  if (error != nullptr) std::rethrow_exception(error);
}

gyre::coro<> in_event(arena& a, dice, int) { co_await a.flag.wait(); }

gyre::coro<> in_condition(arena& a, dice, int) {
  const auto held = co_await a.changed.scoped();
  co_await a.changed.wait();
}

gyre::coro<> in_barrier(arena& a, dice, int) { static_cast<void>(co_await a.gate.wait()); }

template <class Queue>
gyre::coro<> in_queue(arena& a, watched_queue<Queue>& q, dice d) {
  if (d.one_in(2)) {
    const std::uint64_t item = a.next.fetch_add(1);
    co_await q.items.put(item);
    q.in.note(item);
  } else {
    q.out.note(co_await q.items.get());
  }
}

gyre::coro<> in_fifo(arena& a, dice d, int) { return in_queue(a, a.fifo, d); }
gyre::coro<> in_lifo(arena& a, dice d, int) { return in_queue(a, a.lifo, d); }
gyre::coro<> in_priority(arena& a, dice d, int) { return in_queue(a, a.sorted, d); }

gyre::coro<> in_thread(arena& a, dice d, int) {
  const auto work = [](trial* t, std::size_t spins, alive) {
    for (; spins > 0; --spins) t->did(0);
  };
  co_await gyre::to_thread(work, &a.t, d.below(100), alive(a.t));
}

gyre::coro<> in_future(arena& a, dice d, int) {
  const gyre::future<int> f = gyre::get_running_loop().create_future<int>();
  const auto fulfil = [](gyre::future<int> target, dice own, alive) -> gyre::coro<> {
    co_await pause(own);
    if (target.done()) co_return;
    try {
      target.set_result(7);
    } catch (const gyre::invalid_state_error&) {  // cancelled in between
    }
  };
  const gyre::task_options place = anywhere(d);
  gyre::create_task(place, fulfil, f, d.split(), alive(a.t));
  const int value = co_await f;
  a.t.expect_equal("value of a future", value, 7);
}

// --- nodes: constructs around other steps ----------------------------------------------------------------------------
gyre::coro<int> counted(arena& a, dice d, int depth, alive) {
  co_await step(a, d, depth);
  co_return depth;
}

gyre::coro<> in_gather(arena& a, dice d, int depth) {
  if (d.one_in(2)) {
    const auto [x, y] =
        co_await gyre::gather(counted(a, d.split(), depth, alive(a.t)), counted(a, d.split(), depth, alive(a.t)));
    a.t.expect_equal("results of a gather", x + y, 2 * depth);
    co_return;
  }
  std::vector<gyre::coro<int>> all;
  for (std::size_t n = d.below(4); n > 0; --n) all.push_back(counted(a, d.split(), depth, alive(a.t)));
  const std::size_t size = all.size();
  if (d.one_in(2)) {
    const auto results = co_await gyre::gather(gyre::return_exceptions, std::move(all));
    a.t.expect_equal("results of a gather", results.size(), size);
  } else {
    const auto results = co_await gyre::gather(std::move(all));
    a.t.expect_equal("results of a gather", results.size(), size);
  }
}

gyre::coro<> in_task(arena& a, dice d, int depth) {
  const gyre::task_options place = anywhere(d);
  const gyre::task<int> t = gyre::create_task(place, counted, std::ref(a), d.split(), depth, alive(a.t));
  const int value = co_await t;
  a.t.expect_equal("result of a task", value, depth);
}

gyre::coro<> in_wait(arena& a, dice d, int depth) {
  std::vector<gyre::task<>> all;
  for (std::size_t n = 1 + d.below(3); n > 0; --n) {
    const gyre::task_options place = anywhere(d);
    all.push_back(gyre::create_task(place, step, std::ref(a), d.split(), depth));
  }
  gyre::wait_options how;
  if (d.one_in(2)) how.timeout = d.delay(brief);
  how.return_when = d.one_in(2) ? gyre::first_completed : gyre::all_completed;
  const auto result = co_await gyre::wait(all, how);
  a.t.expect_equal("tasks of a wait", result.done.size() + result.pending.size(), all.size());
  for (const gyre::task<>& each : result.done) a.t.expect(each.done(), "a task among the done ones is not");
  if (!how.timeout) a.t.expect(!result.done.empty(), "wait() gave no task that is done");
}

gyre::coro<> in_wait_for(arena& a, dice d, int depth) {
  co_await gyre::wait_for(counted(a, d.split(), depth, alive(a.t)), d.delay(brief));
}

gyre::coro<> in_timeout(arena& a, dice d, int depth) {
  const auto limit = d.delay(brief);
  co_await gyre::with_timeout(limit, step, std::ref(a), d.split(), depth);
}

gyre::coro<> fill_group(gyre::task_group& group, arena& a, dice d, int depth) {
  for (std::size_t n = d.below(4); n > 0; --n) {
    try {
      group.create_task(counted(a, d.split(), depth, alive(a.t)), anywhere(d));
    } catch (const gyre::error&) {  // it is shutting down
      co_return;
    }
    if (d.one_in(3)) co_await gyre::sleep(0ns);
  }
}

gyre::coro<> in_group(arena& a, dice d, int depth) {
  co_await gyre::with_task_group(fill_group, std::ref(a), d.split(), depth);
}

gyre::coro<> in_shield(arena& a, dice d, int depth) {
  const gyre::task<> inner = gyre::create_task(step, std::ref(a), d.split(), depth);
  std::exception_ptr error;
  try {
    co_await gyre::shield(inner);
  } catch (...) {
    error = std::current_exception();
  }
  co_await put_down(inner);
  if (error != nullptr) std::rethrow_exception(error);
}

gyre::coro<> in_as_completed(arena& a, dice d, int depth) {
  std::vector<gyre::task<>> all;
  for (std::size_t n = d.below(4); n > 0; --n) {
    const gyre::task_options place = anywhere(d);
    all.push_back(gyre::create_task(place, step, std::ref(a), d.split(), depth));
  }
  auto ends = gyre::as_completed(all);
  std::size_t given = 0;
  for (;;) {
    const std::optional<gyre::task<>> one = co_await ends.next();
    if (!one) break;
    a.t.expect(one->done(), "as_completed gave a task that is not done");
    ++given;
  }
  a.t.expect_equal("tasks of as_completed", given, all.size());
}

gyre::async_generator<int> values(arena& a, dice d, int depth, alive) {
  for (int i = 0; i < 3; ++i) {
    co_yield i;
    co_await step(a, d.split(), depth);
  }
}

gyre::coro<> in_generator(arena& a, dice d, int depth) {
  const auto body = [](int) {};
  if (d.one_in(2)) {
    co_await gyre::for_each(values(a, d.split(), depth, alive(a.t)), body);
    co_return;
  }
  auto numbers = values(a, d.split(), depth, alive(a.t));  // left in the middle: the loop closes it
  const std::optional<int> first = co_await numbers.next();
  a.t.expect(first && *first == 0, "the first value of a generator");
  static_cast<void>(co_await numbers.next());
}

void fiber_body(arena& a, dice d, int depth, const alive&) {
  const auto held = gyre::await(a.permits.scoped());
  a.holders.enter();
  std::exception_ptr error;
  try {
    gyre::await(gyre::sleep(d.delay(brief)));
  } catch (...) {
    error = std::current_exception();
  }
  a.holders.leave();
  if (error != nullptr) std::rethrow_exception(error);
  if (depth > 0) gyre::await(in_event(a, d.split(), 0));
}

gyre::coro<> in_fiber(arena& a, dice d, int depth) {
  co_await gyre::fiber(fiber_body, std::ref(a), d.split(), depth, alive(a.t));
}

gyre::coro<> in_travel(arena& a, dice d, int depth) {
  const int target = d.between(0, gyre::loop_count() - 1);
  gyre::event_loop& there = gyre::current_runtime().loop(target);
  if (d.one_in(2)) {
    co_await gyre::resume_on(there);
    co_await step(a, d.split(), depth);
  } else {
    co_await gyre::on(there, step, std::ref(a), d.split(), depth);
  }
}

// --- one step --------------------------------------------------------------------------------------------------------
using construct = gyre::coro<> (*)(arena&, dice, int);
constexpr construct leaves[] = {in_sleep, in_lock, in_semaphore, in_event,  in_condition, in_barrier,
                                in_fifo,  in_lifo, in_priority,  in_thread, in_future};
constexpr construct nodes[] = {in_gather, in_task,         in_wait,      in_wait_for, in_timeout, in_group,
                               in_shield, in_as_completed, in_generator, in_fiber,    in_travel};

void check_error(arena& a, const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const gyre::exception_group& group) {
    for (const std::exception_ptr& each : group.exceptions()) check_error(a, each);
  } catch (const gyre::timeout_error&) {
  } catch (const gyre::broken_barrier_error&) {
  } catch (const mishap&) {
  } catch (const gyre::cancelled_error&) {
  } catch (...) {
    a.t.violated("a construct ended with " + in_words(error));
  }
}

// Errors end here or, seldom, further out; a cancel goes out.
gyre::coro<> step(arena& a, dice d, int depth) {
  const alive here(a.t);
  construct chosen = leaves[d.below(std::size(leaves))];
  if (depth > 0 && !d.one_in(3)) chosen = nodes[d.below(std::size(nodes))];
  const bool lets_out = depth < depth_of_nesting && d.one_in(4);
  try {
    co_await chosen(a, d.split(), depth == 0 ? 0 : depth - 1);  // coroutine-rules: allow (an int)
    if (d.one_in(16)) throw mishap();
  } catch (const std::exception&) {
    check_error(a, std::current_exception());
    if (lets_out) throw;
  }
}

// --- the storm -------------------------------------------------------------------------------------------------------
/// What a victim saw of its cancels.
struct experience {
  std::uint64_t seen = 0;
  std::uint64_t taken_back = 0;
  bool left_cancelled = false;
};

gyre::coro<> victim(arena& a, dice d, experience& own, alive) {
  for (std::size_t n = 0; n < 4; ++n) {
    try {
      if (d.one_in(8)) {
        co_await gyre::sleep(std::chrono::hours(1));  // only a cancel ends it
      } else {
        co_await step(a, d.split(), depth_of_nesting);
      }
      a.t.did();
    } catch (const gyre::cancelled_error&) {
      ++own.seen;
      if (d.one_in(2)) {
        own.left_cancelled = true;
        throw;
      }
      gyre::current_task().uncancel();
      ++own.taken_back;
    }
  }
}

// Sees to it that no wait lasts for ever, until the storm is over.
gyre::coro<> relieve(arena& a, dice d) {
  const auto balance = [&a, &d](auto& q) {
    try {
      if (d.one_in(2)) {
        q.out.note(q.items.get_nowait());
      } else {
        const std::uint64_t item = a.next.fetch_add(1);
        q.items.put_nowait(item);
        q.in.note(item);
      }
    } catch (const gyre::queue_empty&) {
    } catch (const gyre::queue_full&) {
    }
  };
  while (!a.over.load()) {
    a.flag.set();
    if (d.one_in(2)) co_await gyre::sleep(0ns);
    a.flag.clear();
    {
      const auto held = co_await a.changed.scoped();
      a.changed.notify_all();
    }
    balance(a.fifo);
    balance(a.lifo);
    balance(a.sorted);
    if (d.one_in(8)) co_await a.gate.reset();
    co_await gyre::sleep(d.delay(20us));
  }
}

template <class Queue>
void settle_accounts(arena& a, watched_queue<Queue>& q, const char* what) {
  while (!q.items.empty()) q.out.note(q.items.get_nowait());
  expect_same(a.t, what, q.in, q.out);
}

gyre::coro<> check_arena(arena& a) {
  settle_accounts(a, a.fifo, "fifo queue");
  settle_accounts(a, a.lifo, "lifo queue");
  settle_accounts(a, a.sorted, "priority queue");
  a.t.expect(!a.mutex.locked(), "the lock is held by nobody, but locked");
  a.t.expect(!a.changed.locked(), "the condition's lock is held by nobody, but locked");
  a.t.expect_equal("tasks at the barrier", a.gate.n_waiting(), 0);
  for (int i = 0; i < permit_count; ++i) {
    a.t.expect(!a.permits.locked(), "a permit was lost");
    if (!a.permits.locked()) co_await a.permits.acquire();
  }
  a.t.expect(a.permits.locked(), "a permit too many");
  for (int i = 0; i < permit_count; ++i) a.permits.release();
}

void check_victim(trial& t, const gyre::task<>& v, const experience& own, std::uint64_t accepted) {
  t.expect(own.seen <= accepted, "a task saw more cancels than it was sent");
  t.expect_equal("cancels that a task has counted", v.cancelling() + own.taken_back, accepted);
  if (own.left_cancelled) t.expect(v.cancelled(), "a task that ended with cancelled_error is not cancelled");
  if (!v.cancelled() && v.exception() != nullptr) t.violated("a victim ended with " + in_words(v.exception()));
}

gyre::coro<> cancel_storm(trial& t) {
  t.tolerated.store(trial::tolerance::unread_errors);  // wait() and as_completed() read no results
  arena a(t);
  std::vector<experience> experiences(t.size);
  victims all(t, std::size_t{1} << t.random.below(6));
  for (experience& own : experiences) {
    const gyre::task_options place = anywhere(t.random);
    all.add(gyre::create_task(place, victim, std::ref(a), t.random.split(), std::ref(own), alive(t)));
  }
  const gyre::task<> relief = gyre::create_task(relieve, std::ref(a), t.random.split());
  co_await all.attack(~std::size_t{0} / (t.size * 2));
  co_await await_others(t, 2);  // children that were left behind
  a.over.store(true);
  co_await relief;
  co_await check_arena(a);
  for (std::size_t i = 0; i < t.size; ++i) check_victim(t, all.tasks()[i], experiences[i], all.accepted(i));
}

const registered storm_of_cancels({"cancel_storm", "cancels at a random step of every construct", &cancel_storm,
                                   nullptr, 64, 8});

}  // namespace
}  // namespace storm
