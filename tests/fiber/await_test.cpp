// SPDX-License-Identifier: BSL-1.0
// await(): everything that a coroutine can co_await; the places where it is refused.
#include "loop_test.hpp"

#include <boost/asio/steady_timer.hpp>
#include <gyre/asio.hpp>

#include <functional>
#include <string>
#include <thread>

using namespace gyre;
using namespace gyre_test;

namespace {

// Out of line and opaque: compilers take a thread's id for a constant of the function that asks for it.
GYRE_NOINLINE std::thread::id thread_here() {
  asm volatile("" ::: "memory");
  return std::this_thread::get_id();
}

coro<int> seven() {
  co_await sleep(1ms);
  co_return 7;
}

coro<> fails() {
  co_await sleep(1ms);
  throw std::runtime_error("failed");
}

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (...) {
    return in_words(std::current_exception());
  }
  return "none";
}

async_generator<int> count_to(int n) {
  for (int i = 1; i <= n; ++i) {
    co_await sleep(1us);
    co_yield i;
  }
}

// Calls await() where no fiber runs.
coro<std::string> await_in_coroutine() {
  co_return error_of([] { gyre::await(sleep(1ms)); });
}

}  // namespace

LOOP_TEST("await: coroutines, tasks, futures and gathers", "[fiber][await]") {
  const auto body = [] {
    CHECK(gyre::await(seven()) == 7);
    coro<int> named = seven();
    CHECK(gyre::await(named) == 7);
    CHECK(error_of([&] { gyre::await(named); }).find("already awaited") != std::string::npos);
    const task<int> t = create_task(seven());
    CHECK(gyre::await(t) == 7);
    CHECK(gyre::await(t) == 7);
    const future<std::string> f;
    get_running_loop().call_soon([f] { f.set_result("set"); });
    CHECK(gyre::await(f) == "set");
    const auto [a, b] = gyre::await(gather(seven(), fiber([] { return gyre::await(seven()) + 1; })));
    CHECK(a == 7);
    CHECK(b == 8);
    CHECK(gyre::await(shield(seven())) == 7);
    CHECK(gyre::await(sleep(1ms, std::string("slept"))) == "slept");
    CHECK(error_of([] { gyre::await(fails()); }) == "error: failed");
    CHECK(error_of([] { gyre::await(gather(seven(), fails())); }) == "error: failed");
    CHECK(error_of([] { gyre::await(wait_for(sleep(1h), 1ms)); }) == "timeout");
  };
  co_await fiber(body);
}

LOOP_TEST("await: wait, as_completed and asynchronous generators", "[fiber][await]") {
  const auto body = [] {
    std::vector<task<int>> tasks;
    for (int i = 0; i < 3; ++i) tasks.push_back(create_task(seven()));
    const auto [done, pending] = gyre::await(wait(tasks));
    CHECK(done.size() == 3);
    CHECK(pending.empty());
    auto completed = as_completed(tasks);
    int count = 0;
    while (auto t = gyre::await(completed.next())) ++count;
    CHECK(count == 3);
    int sum = 0;
    async_generator<int> numbers = count_to(4);
    while (const auto n = gyre::await(numbers.next())) sum += *n;
    CHECK(sum == 10);
  };
  co_await fiber(body);
}

LOOP_TEST("await: locks, semaphores, events, conditions and queues", "[fiber][await]") {
  lock mutex;
  event ready;
  semaphore permits(1);
  queue<int> numbers(1);
  std::string log;
  const auto consumer = [&] {
    gyre::await(ready.wait());
    gyre::await(permits.acquire());
    for (int i = 0; i < 3; ++i) {
      auto held = gyre::await(mutex.scoped());
      log += std::to_string(gyre::await(numbers.get()));
    }
    permits.release();
  };
  const task<> c = create_task(fiber(std::ref(consumer)));
  const auto producer = [&] {
    gyre::await(permits.acquire());
    ready.set();
    gyre::await(sleep(1ms));
    permits.release();
    for (int i = 1; i <= 3; ++i) gyre::await(numbers.put(i));
    gyre::await(c);
  };
  co_await fiber(std::ref(producer));
  CHECK(log == "123");
  CHECK_FALSE(mutex.locked());
}

LOOP_TEST("await: a waiter that is cancelled in the instant it is granted hands the lock on", "[fiber][await]") {
  lock mutex;
  co_await mutex.acquire();
  const auto take = [&mutex] {
    gyre::await(mutex.acquire());
    mutex.release();
    return 1;
  };
  const task<int> first = create_task(fiber(std::ref(take)));
  const task<int> second = create_task(fiber(std::ref(take)));
  co_await settle(3);
  mutex.release();
  first.cancel();
  const std::string ended = co_await outcome(first);
  CHECK(ended == "cancelled");
  const int got = co_await second;
  CHECK(got == 1);
  CHECK_FALSE(mutex.locked());
}

LOOP_TEST("await: to_thread", "[fiber][await]") {
  const auto body = [] { return gyre::await(to_thread([](int n) { return n + 1; }, 4)); };
  const int got = co_await fiber(body);
  CHECK(got == 5);
}

TEST_CASE("await: Asio operations with use_gyre", "[fiber][await][io]") {
  const auto amain = []() -> coro<int> {
    return fiber([] {
      boost::asio::steady_timer timer(native_context());
      timer.expires_after(1ms);
      gyre::await(timer.async_wait(use_gyre));
      timer.expires_after(1h);
      const task<> waits = create_task(fiber([&timer] { gyre::await(timer.async_wait(use_gyre)); }));
      gyre::await(sleep(0ns));
      waits.cancel();
      CHECK(error_of([&] { gyre::await(waits); }) == "cancelled");
      return 1;
    });
  };
  CHECK(run(amain(), one_loop()) == 1);
}

TEST_CASE("await: resume_on takes a fiber to another loop", "[fiber][await]") {
  const auto amain = []() -> coro<bool> {
    task_options options{.pin = true, .loop = &current_runtime().loop(1)};
    const auto body = [] {
      const std::thread::id before = thread_here();
      gyre::await(resume_on(current_runtime().loop(2)));
      return before != thread_here() && &get_running_loop() == &current_runtime().loop(2);
    };
    co_return co_await create_task(fiber(body), options);
  };
  CHECK(run(amain(), run_options().loops(3)));
}

LOOP_TEST("await: an awaiter that refuses to suspend throws in the fiber", "[fiber][await]") {
  const auto body = [] {
    const task<int>* self = nullptr;
    const future<const task<int>*> given;
    const auto inner = [&given] {
      const task<int>* me = gyre::await(given);
      return gyre::await(*me);
    };
    const task<int> t = create_task(fiber(std::ref(inner)));
    self = &t;
    given.set_result(self);
    return error_of([&] { gyre::await(t); });
  };
  const std::string said = co_await fiber(body);
  CHECK(said.find("cannot await itself") != std::string::npos);
}

LOOP_TEST("await: outside a fiber it is refused, and names the task", "[fiber][await]") {
  task_options options{.name = "plain"};
  const std::string in_task = co_await create_task(await_in_coroutine(), options);
  CHECK(in_task.find("await: the running code of task 'plain' is not in a fiber") != std::string::npos);

  const auto body = [] { return gyre::await(await_in_coroutine()); };  // the coroutine is not on the fiber's stack
  const std::string below = co_await fiber(body);
  CHECK(below.find("is not in a fiber") != std::string::npos);

  const future<std::string> f;
  get_running_loop().call_soon([f] { f.set_result(error_of([] { gyre::await(sleep(1ms)); })); });
  const std::string in_callback = co_await f;
  CHECK(in_callback.find("await: no task is running here") != std::string::npos);

  CHECK_THROWS_AS(gyre::await(sleep(1ms)), not_in_fiber);
}

LOOP_TEST("await: a coroutine that starts eagerly on a fiber's stack is not in the fiber", "[fiber][await]") {
  const auto body = [] {
    task_options eager{.name = "eager", .eager_start = true};
    const task<std::string> t = create_task(await_in_coroutine(), eager);
    return gyre::await(t);
  };
  const std::string said = co_await fiber(body);
  CHECK(said.find("task 'eager' is not in a fiber") != std::string::npos);
}

TEST_CASE("await: on a thread without a loop it is refused", "[fiber][await]") {
  CHECK_THROWS_AS(gyre::await(sleep(1ms)), not_in_fiber);
}
