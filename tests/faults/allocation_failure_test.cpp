// SPDX-License-Identifier: BSL-1.0
// Memory runs out at every single point of each construct: the caller gets std::bad_alloc, nothing leaks, nothing hangs, and
// the loop works on.
#include "loop_test.hpp"

#include "allocations.hpp"

#include <gyre/core/frame_pool.hpp>

#include <array>
#include <atomic>
#include <new>
#include <string>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

int alive = 0;

struct tracked {
  tracked() { ++alive; }
  tracked(const tracked&) { ++alive; }
  tracked(tracked&&) noexcept { ++alive; }
  tracked& operator=(const tracked&) = default;
  tracked& operator=(tracked&&) noexcept = default;
  ~tracked() { --alive; }
};

coro<int> child(tracked, int turns) {
  const tracked local;
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  co_return turns;
}

coro<> await_chain(tracked t, int depth) {
  if (depth > 0) co_await await_chain(std::move(t), depth - 1);
}

// --- what may run out of memory: each is run whole once, and then with every point of it failing -----------------------

coro<> awaits() { co_await await_chain(tracked(), 5); }

coro<> tasks() {
  const task<int> a = create_task(child(tracked(), 2));
  const task<int> b = create_task(&child, tracked(), 1);
  static_cast<void>(co_await a);
  static_cast<void>(co_await b);
}

coro<> long_names() {
  const task_options named{.name = "a name that does not fit into the string itself, however large that may be"};
  const task<int> a = create_task(child(tracked(), 1), named);
  static_cast<void>(to_string(a));
  static_cast<void>(co_await a);
}

coro<> gathers() {
  static_cast<void>(co_await gather(child(tracked(), 1), child(tracked(), 2), child(tracked(), 0)));
  std::vector<coro<int>> many;
  for (int i = 0; i < 4; ++i) many.push_back(child(tracked(), i));
  static_cast<void>(co_await gather(std::move(many)));
}

coro<> waits() {
  std::vector<task<int>> all;
  for (int i = 0; i < 4; ++i) all.push_back(create_task(child(tracked(), i)));
  const wait_options first{.timeout = 1s, .return_when = first_completed};
  static_cast<void>(co_await wait(all, first));
  static_cast<void>(co_await wait(all));
  auto ended = as_completed(all);
  while (auto each = co_await ended.next()) static_cast<void>(each->result());
}

coro<> limits() {
  static_cast<void>(co_await wait_for(child(tracked(), 1), 1s));
  const auto body = []() -> coro<int> { co_return co_await child(tracked(), 2); };
  static_cast<void>(co_await with_timeout(1s, body));
}

coro<> groups() {
  const auto body = [](task_group& group) -> coro<> {
    for (int i = 0; i < 3; ++i) group.create_task(child(tracked(), i));
    co_return;
  };
  co_await with_task_group(body);
}

coro<> shields() { static_cast<void>(co_await shield(child(tracked(), 1))); }

coro<> callbacks() {
  event_loop& loop = get_running_loop();
  const std::array<tracked, 20> large{};
  loop.call_soon([large] { static_cast<void>(large.size()); });
  timer_handle later = loop.call_later(1h, [large] { static_cast<void>(large.size()); });
  const future<int> f = loop.create_future<int>();
  f.add_done_callback([large](const auto&) { static_cast<void>(large.size()); });
  later.cancel();
  f.set_result(1);
  static_cast<void>(co_await f);
}

coro<> hold(lock& mutex, tracked) {
  const auto held = co_await mutex.scoped();
  co_await sleep(0ns);
}

coro<> locks() {
  lock mutex;
  const task<> a = create_task(hold(mutex, tracked()));
  const task<> b = create_task(hold(mutex, tracked()));
  co_await hold(mutex, tracked());
  co_await a;
  co_await b;
}

coro<> put_some(queue<tracked>& q) {
  for (int i = 0; i < 3; ++i) co_await q.put(tracked());
}

coro<> queues() {
  queue<tracked> q(1);
  const task<> putter = create_task(put_some(q));
  for (int i = 0; i < 3 && !putter.done(); ++i) static_cast<void>(co_await q.get());
  co_await putter;
}

async_generator<int> numbers(tracked) {
  for (int i = 0; i < 3; ++i) co_yield i;
}

coro<> generators() {
  auto each = numbers(tracked());
  while (co_await each.next()) {
  }
}

context_var<std::string> variable("faults");

coro<> contexts() {
  variable.set("a text that does not fit into the string itself, however large that may be");
  static_cast<void>(co_await create_task(child(tracked(), 1)));
}

coro<> cancels() {
  const task<int> a = create_task(child(tracked(), 1000));
  co_await sleep(0ns);
  a.cancel("a message that does not fit into the string itself, however large that may be");
  static_cast<void>(co_await wait(a));
}

coro<> unborn() {
  const task<int> a = create_task(child(tracked(), 1));
  a.cancel("a message that does not fit into the string itself, however large that may be");
  static_cast<void>(co_await wait(a));
}

coro<> forks() {
  const auto parent = []() -> coro<> {
    static_cast<void>(co_await gather(child(tracked(), 1000), child(tracked(), 1000)));
  };
  const task<> a = create_task(parent);
  co_await sleep(0ns);
  a.cancel("a message that does not fit into the string itself, however large that may be");
  static_cast<void>(co_await wait(a));
}

coro<> fail(tracked) {
  co_await sleep(0ns);
  throw value_error("a message that does not fit into the string itself, however large that may be");
}

// Nobody takes these errors.
coro<> reports() {
  create_task(fail(tracked()));
  {
    const coro<> never_awaited = fail(tracked());
  }
  get_running_loop().call_soon([] { throw value_error("a message that does not fit into the string itself"); });
  const future<int> f;
  f.add_done_callback([](const auto&) { throw value_error("a message that does not fit into the string itself"); });
  f.set_result(1);
  co_await settle();
}

struct construct {
  const char* name;
  coro<> (*run)();
};
const std::vector<construct> constructs{{"awaits", &awaits},     {"tasks", &tasks},     {"long names", &long_names},
                                        {"gathers", &gathers},   {"waits", &waits},     {"limits", &limits},
                                        {"groups", &groups},     {"shields", &shields}, {"callbacks", &callbacks},
                                        {"locks", &locks},       {"queues", &queues},   {"generators", &generators},
                                        {"contexts", &contexts}, {"cancels", &cancels}, {"unborn", &unborn},
                                        {"forks", &forks},       {"reports", &reports}};

// --- how memory runs out ------------------------------------------------------------------------------------------------

// Leaves `each` cells of every size in this thread's pool, and lets it get no more.
class small_pool {
 public:
  explicit small_pool(std::size_t each) {
    constexpr std::size_t slab = 32 * 1024;
    taken_.reserve(200'000);
    allocation_counter::fail_above(slab);
    for (const detail::cell_use use : {detail::cell_use::frame, detail::cell_use::stable}) {
      for (std::size_t size = 32; size <= 1984; size += 32) drain(size, use, each);
    }
  }
  small_pool(const small_pool&) = delete;
  small_pool& operator=(const small_pool&) = delete;
  ~small_pool() {
    allocation_counter::fail_above(0);
    for (const cell& c : taken_) detail::pool_deallocate(c.memory, c.size, c.use);
  }

 private:
  struct cell {
    void* memory;
    std::size_t size;
    detail::cell_use use;
  };
  void drain(std::size_t size, detail::cell_use use, std::size_t leave) {
    try {
      for (;;) taken_.push_back(cell{detail::pool_allocate(size, use), size, use});
    } catch (const std::bad_alloc&) {
    }
    for (; leave > 0 && !taken_.empty() && taken_.back().size == size && taken_.back().use == use; --leave) {
      detail::pool_deallocate(taken_.back().memory, size, use);
      taken_.pop_back();
    }
  }

  std::vector<cell> taken_;
};

enum class ending { whole, out_of_memory, other };

coro<ending> end_of(coro<> (*body)()) {
  try {
    co_await body();
  } catch (const std::bad_alloc&) {
    co_return ending::out_of_memory;
  } catch (...) {
    co_return ending::other;
  }
  co_return ending::whole;
}

// A failure may have left tasks behind: they are ended, with memory at hand.
coro<> end_the_rest() {
  const any_task self = current_task();
  for (const any_task& each : all_tasks()) {
    if (!(each == self)) each.cancel();
  }
  co_await settle(20);
}

// A group hands on several errors as one.
bool is_expected(ending e, const char* name) {
  return e == ending::whole || e == ending::out_of_memory || (e == ending::other && std::string(name) == "groups");
}

// With the n-th allocation failing, or, for 0, with a small pool. `met` tells whether memory did run out.
coro<ending> fail_in(const construct& each, long nth, std::size_t cells, bool& met) {
  const auto quiet = [](event_loop&, const exception_context&) {};
  get_running_loop().set_exception_handler(quiet);
  ending end = ending::whole;
  coro<ending> attempt = end_of(each.run);
  if (nth != 0) {
    allocation_counter::fail_next(nth);
    end = co_await std::move(attempt);
    met = allocation_counter::failed();
    allocation_counter::fail_next(0);
  } else {
    const small_pool few(cells);
    end = co_await std::move(attempt);
    met = end != ending::whole;
  }
  co_await end_the_rest();
  co_return end;
}

void fail_everywhere(const construct& each, run_order order) {
  INFO(each.name);
  const allocation_counter meter;
  const auto options = one_loop().order(order);
  CHECK(run(end_of(each.run), options) == ending::whole);
  CHECK(alive == 0);
  constexpr int most = 300;
  int failed = 0;
  bool met = true;
  for (int n = 1; n < most && met; ++n) {
    INFO("allocation " << n << " fails");
    const ending end = run(fail_in(each, n, 0, met), options);
    CHECK(is_expected(end, each.name));
    CHECK(alive == 0);
  }
  for (std::size_t cells = 0; cells < 8; ++cells) {
    INFO("the pool has " << cells << " cells of each size");
    const ending end = run(fail_in(each, 0, cells, met), options);
    CHECK(is_expected(end, each.name));
    CHECK(alive == 0);
    failed += met ? 1 : 0;
  }
  CHECK(failed > 0);
  CHECK(run(end_of(each.run), options) == ending::whole);
}

/// clang needs no memory for a frame whose whole life it sees: here it sees only the birth.
[[gnu::noinline]] coro<int> made_out_of_sight() { return child(tracked(), 1); }

/// So many that their list does not fit into the pool, and as many as the runtime admits.
std::vector<coro<int>> many_bodies() {
  std::vector<coro<int>> bodies;
  for (int i = 0; i < 400; ++i) bodies.push_back(child(tracked(), 0));
  return bodies;
}

/// Submits them with the n-th allocation failing. Whether one did; how many were accepted.
bool submit_failing(runtime& r, long nth, std::size_t& accepted) {
  std::vector<coro<int>> bodies = many_bodies();
  std::vector<blocking_future<int>> futures;
  allocation_counter::fail_next(nth);
  try {
    futures = run_coroutines_threadsafe(std::move(bodies), r);
  } catch (const std::bad_alloc&) {
  }
  const bool met = allocation_counter::failed();
  allocation_counter::fail_next(0);
  accepted = futures.size();
  for (const auto& each : futures) static_cast<void>(each.result());
  return met;
}

/// As tracked, for what several threads destroy.
struct shared_tracked {
  shared_tracked() { ++alive_anywhere; }
  shared_tracked(const shared_tracked&) : shared_tracked() {}
  shared_tracked& operator=(const shared_tracked&) = default;
  ~shared_tracked() { --alive_anywhere; }
  static inline std::atomic<int> alive_anywhere{0};
};

coro<int> shared_child(shared_tracked) { co_return 1; }

/// Submits so many from a thread whose pool is empty, with the n-th allocation failing; 0: none. Whether one did.
bool submit_from_new_thread(runtime& r, int count, long nth) {
  bool met = false;
  std::thread([&] {
    std::vector<coro<int>> bodies;
    for (int i = 0; i < count; ++i) bodies.push_back(shared_child(shared_tracked()));
    allocation_counter::fail_next(nth);
    try {
      static_cast<void>(run_coroutines_threadsafe(std::move(bodies), r));
    } catch (const std::bad_alloc&) {
    }
    met = allocation_counter::failed();
    allocation_counter::fail_next(0);
  }).join();
  return met;
}

coro<> await_others() {
  while (all_tasks().size() > 1) co_await sleep(0ns);
}

coro<std::size_t> count_others() { co_return all_tasks().size() - 1; }

}  // namespace

TEST_CASE("FAULT-24, FAULT-25: any allocation of any construct may fail, in asyncio order", "[faults]") {
  if (!counts_allocations) return;
  for (const construct& each : constructs) fail_everywhere(each, run_order::asyncio);
}

TEST_CASE("FAULT-24, FAULT-25: any allocation of any construct may fail, in fork_join order", "[faults]") {
  if (!counts_allocations) return;
  for (const construct& each : constructs) fail_everywhere(each, run_order::fork_join);
}

TEST_CASE("FAULT-24: without memory for a frame the arguments are destroyed and the caller gets bad_alloc",
          "[faults]") {
  if (!counts_allocations) return;
  const allocation_counter meter;
  const auto main = []() -> coro<bool> {
    bool told = false;
    {
      const small_pool none(0);
      try {
        const coro<int> unborn = made_out_of_sight();
      } catch (const std::bad_alloc&) {
        told = alive == 0;
      }
    }
    co_return told;
  };
  CHECK(run(main(), one_loop()));
}

TEST_CASE("FAULT-24: of tasks that a thread submits without memory for their list none is left", "[faults]") {
  if (!counts_allocations) return;
  const allocation_counter meter;
  runtime r(run_options().loops(1).max_submissions(400, submission_overflow::error));
  int failures = 0;
  for (bool met = true; met; ++failures) {
    INFO("allocation " << failures + 1 << " fails");
    std::size_t accepted = 0;
    met = submit_failing(r, failures + 1, accepted);
    CHECK((accepted == 0) == met);
    CHECK(run_coroutine_threadsafe(count_others(), r).result() == 0);
    CHECK(alive == 0);
  }
  CHECK(failures > 2);
}

TEST_CASE("FAULT-24: a burst that runs out of memory on its way leaves no task, and gives each place back once",
          "[faults]") {
  if (!counts_allocations) return;
  const allocation_counter meter;
  constexpr int burst = 6000;  // more than a thread gets memory for at once
  for (const std::size_t bound : {burst, 100}) {
    runtime r(run_options().loops(1).max_submissions(bound, submission_overflow::wait));
    int failures = 0;
    for (bool met = true; met; ++failures) {
      INFO("a bound of " << bound << ", allocation " << failures + 1 << " fails");
      met = submit_from_new_thread(r, burst, failures + 1);
      run_coroutine_threadsafe(await_others(), r).result();
      REQUIRE(shared_tracked::alive_anywhere == 0);
    }
    CHECK(failures > 2);
  }
}
