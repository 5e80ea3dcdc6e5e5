// SPDX-License-Identifier: BSL-1.0
// Memory that runs out at a random point: who called gets std::bad_alloc, arguments are destroyed, and what others wait for
// comes all the same, since waking needs no memory.
#include <gyre/fiber/fiber.hpp>

#include <optional>

#include "../harness/memory.hpp"
#include "crowd.hpp"

namespace storm {
namespace {

gyre::coro<int> one(alive) {
  co_await gyre::sleep(0ns);
  co_return 1;
}

gyre::coro<> use_task(trial& t, dice) {
  const gyre::task<int> a = gyre::create_task(one(alive(t)));
  const gyre::task<int> b = gyre::create_task(one, alive(t));
  static_cast<void>(co_await a);
  static_cast<void>(co_await b);
}

gyre::coro<> use_gather(trial& t, dice) { static_cast<void>(co_await gyre::gather(one(alive(t)), one(alive(t)))); }

gyre::coro<> use_gather_of_many(trial& t, dice d) {
  std::vector<gyre::coro<int>> all;
  for (std::size_t n = d.below(8); n > 0; --n) all.push_back(one(alive(t)));
  static_cast<void>(co_await gyre::gather(std::move(all)));
}

gyre::coro<> fill(gyre::task_group& group, trial& t) {
  group.create_task(one(alive(t)));
  group.create_task(one(alive(t)));
  co_return;
}

gyre::coro<> use_group(trial& t, dice) { co_await gyre::with_task_group(fill, std::ref(t)); }

gyre::coro<> use_wait(trial& t, dice) {
  const gyre::task<int> a = gyre::create_task(one(alive(t)));
  const gyre::task<int> b = gyre::create_task(one(alive(t)));
  static_cast<void>(co_await gyre::wait(a, b));
}

gyre::coro<> use_as_completed(trial& t, dice) {
  std::vector<gyre::coro<int>> bodies;
  for (int i = 0; i < 3; ++i) bodies.push_back(one(alive(t)));
  auto ends = gyre::as_completed(std::move(bodies));
  for (;;) {
    const auto next = co_await ends.next();
    if (!next) break;
  }
}

gyre::coro<> use_time_limit(trial& t, dice d) {
  try {
    static_cast<void>(co_await gyre::wait_for(one(alive(t)), d.delay(30us)));
  } catch (const gyre::timeout_error&) {
  }
}

gyre::coro<> use_shield(trial& t, dice) {
  const gyre::task<int> inner = gyre::create_task(one(alive(t)));
  static_cast<void>(co_await gyre::shield(inner));
}

gyre::coro<> use_queues(trial&, dice d) {
  gyre::queue<std::string> strings;
  gyre::priority_queue<std::uint64_t> numbers;
  gyre::lifo_queue<std::uint64_t> stack;
  const std::string text(100, 'x');
  std::size_t in = 0;
  for (std::size_t n = d.below(100); n > 0; --n) {
    co_await strings.put(text);
    co_await numbers.put(n);
    stack.put_nowait(n);
    ++in;
  }
  for (; in > 0; --in) {
    static_cast<void>(co_await strings.get());
    static_cast<void>(co_await numbers.get());
    static_cast<void>(stack.get_nowait());
  }
}

gyre::coro<> use_callbacks(trial& t, dice) {
  const auto nothing = [](const alive&) {};
  gyre::event_loop& here = gyre::get_running_loop();
  here.call_soon(nothing, alive(t));
  here.call_soon_threadsafe(nothing, alive(t));
  here.call_later(10us, nothing, alive(t));
  const gyre::future<int> f = here.create_future<int>();
  f.add_done_callback([token = alive(t)](const gyre::future<int>&) {});
  f.add_done_callback([token = alive(t)](const gyre::future<int>&) {});
  f.set_result(1);
  static_cast<void>(co_await f);
}

gyre::coro<> use_thread(trial& t, dice) {
  const auto nothing = [](const alive&) {};
  co_await gyre::to_thread(nothing, alive(t));
}

gyre::async_generator<int> some_values(alive) {
  co_yield 1;
  co_await gyre::sleep(0ns);
  co_yield 2;
}

gyre::coro<> use_generator(trial& t, dice) {
  auto values = some_values(alive(t));
  static_cast<void>(co_await values.next());
  static_cast<void>(co_await values.next());
  co_await values.aclose();
}

void in_fiber(const alive&) { gyre::await(gyre::sleep(0ns)); }
gyre::coro<> use_fiber(trial& t, dice) { co_await gyre::fiber(in_fiber, alive(t)); }

gyre::coro<> use_cancel(trial& t, dice) {
  const auto sleeper = [](alive) -> gyre::coro<> { co_await gyre::sleep(std::chrono::hours(1)); };
  const gyre::task<> sleeping = gyre::create_task(sleeper, alive(t));
  try {
    co_await gyre::sleep(0ns);
    sleeping.cancel("a reason that is longer than what fits into a short string");
  } catch (const std::bad_alloc&) {
    short_memory::end();
    sleeping.cancel();
    throw;
  }
}

// Tasks that wait when memory runs out: waking them must not need any.
gyre::coro<> wait_for_all(gyre::event& flag, gyre::semaphore& permits, gyre::queue<int>& numbers, alive) {
  co_await flag.wait();
  co_await permits.acquire();
  static_cast<void>(co_await numbers.get());
}

gyre::coro<> wake_without_memory(trial& t, std::uint64_t failing_from) {
  gyre::event flag;
  gyre::semaphore permits(0);
  gyre::queue<int> numbers;
  std::vector<gyre::task<>> waiting;
  for (int i = 0; i < 4; ++i) {
    const gyre::task_options place = anywhere(t.random);
    waiting.push_back(
        gyre::create_task(place, wait_for_all, std::ref(flag), std::ref(permits), std::ref(numbers), alive(t)));
    numbers.put_nowait(i);
  }
  for (int i = 0; i < 3; ++i) co_await gyre::sleep(0ns);
  {
    const short_memory from_now(failing_from, short_memory::lasts::until_end);
    flag.set();
    for (int i = 0; i < 4; ++i) permits.release();
    for (int i = 0; i < 3; ++i) co_await gyre::sleep(0ns);
    waiting.front().cancel();
  }
  static_cast<void>(co_await gyre::wait(waiting));
  for (const gyre::task<>& each : waiting) {
    if (!each.cancelled() && each.exception() != nullptr)
      t.violated("a waiter ended with " + in_words(each.exception()));
  }
  t.did();
}

using use = gyre::coro<> (*)(trial&, dice);
constexpr use uses[] = {use_task,         use_gather,     use_gather_of_many, use_group,  use_wait,
                        use_as_completed, use_time_limit, use_shield,         use_queues, use_callbacks,
                        use_thread,       use_generator,  use_fiber,          use_cancel};

gyre::coro<> run_short_of_memory(trial& t, dice d) {
  const use chosen = uses[d.below(std::size(uses))];
  std::optional<drained_pool> dry;
  if (d.one_in(3)) dry.emplace(d.below(4));
  const auto lasts = d.one_in(2) ? short_memory::lasts::once : short_memory::lasts::until_end;
  const short_memory from_now(d.below(12), lasts);
  try {
    co_await chosen(t, d.split());
  } catch (const std::bad_alloc&) {
  } catch (const gyre::exception_group&) {
  }
  t.did(short_memory::failures());
}

gyre::coro<> allocation(trial& t) {
  t.tolerated.store(trial::tolerance::all);  // of what a failure has left behind
  for (std::size_t i = 0; i < t.size; ++i) {
    co_await run_short_of_memory(t, t.random.split());
    co_await await_others(t, 1);
    co_await wake_without_memory(t, t.random.below(2));
  }
  co_await await_others(t, 1);
}

// Not in simulation: that needs memory of its own between two steps.
void run_allocation(trial& t) { gyre::run(run_body(t, &allocation), gyre::run_options().loops(t.loops)); }

const registered failing_allocations({"allocation", "memory that runs out at a random point", nullptr, &run_allocation,
                                      40, 6});

}  // namespace
}  // namespace storm
