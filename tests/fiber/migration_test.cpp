// SPDX-License-Identifier: BSL-1.0
// Fibers that move between threads while they throw, catch and wait inside handlers.
#include "loop_test.hpp"

#include <atomic>
#include <exception>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

// Out of line and opaque: compilers take a thread's id for a constant of the function that asks for it.
GYRE_NOINLINE std::thread::id thread_here() {
  asm volatile("" ::: "memory");
  return std::this_thread::get_id();
}

struct tally {
  std::atomic<long> caught{0};
  std::atomic<long> wrong{0};
  std::atomic<long> moved{0};
};

class numbered : public std::runtime_error {
 public:
  explicit numbered(int n) : std::runtime_error(std::to_string(n)), number(n) {}
  int number;
};

void hop(tally& all, int where) {
  const std::thread::id before = thread_here();
  gyre::await(resume_on(current_runtime().loop(where % loop_count())));
  if (thread_here() != before) all.moved.fetch_add(1, std::memory_order_relaxed);
}

// Each frame waits, catches what the frame below threw, waits in the handler, sees that the exception is still its own,
// and throws the next one.
void throw_and_catch(tally& all, int fiber_number, int depth) {
  const int own = fiber_number * 1000 + depth;
  if (depth == 0) {
    gyre::await(sleep(0ns));
    throw numbered(own);
  }
  try {
    if (depth % 8 == 0) hop(all, fiber_number + depth);
    throw_and_catch(all, fiber_number, depth - 1);
  } catch (const numbered& e) {
    if (depth % 4 == 0) hop(all, fiber_number - depth + 60);
    all.caught.fetch_add(1, std::memory_order_relaxed);
    const int expected = own - 1;
    if (e.number != expected || e.what() != std::to_string(expected)) ++all.wrong;
    if (std::uncaught_exceptions() != 0) ++all.wrong;
    if (depth % 2 == 0) {
      try {
        throw;  // the one that this frame handles, on whichever thread it is now
      } catch (const numbered& same) {
        if (same.number != expected) ++all.wrong;
      }
    }
    throw numbered(own);
  }
}

void run_one(tally& all, int number, int depth) {
  try {
    throw_and_catch(all, number, depth);
    ++all.wrong;
  } catch (const numbered& e) {
    if (e.number != number * 1000 + depth) ++all.wrong;
  }
}

coro<> run_many(tally& all, int count, int depth) {
  std::vector<task<>> fibers;
  for (int i = 0; i < count; ++i) fibers.push_back(create_task(fiber(run_one, std::ref(all), i, depth)));
  co_await gather(fibers);
}

}  // namespace

TEST_CASE("fiber: 1000 of them throw and catch through 60 frames while they change threads", "[fiber][migration]") {
  tally all;
  run(run_many(all, 1000, 60), run_options().loops(4));
  CHECK(all.wrong.load() == 0);
  CHECK(all.caught.load() == 1000 * 60);
  CHECK(all.moved.load() > 0);
  CHECK(fiber_stats().in_use == 0);
}

TEST_CASE("fiber: each moves to every loop in turn, inside a handler", "[fiber][migration]") {
  const auto amain = []() -> coro<int> {
    const auto body = [] {
      std::set<std::thread::id> seen;
      for (int i = 0; i < 8; ++i) {
        try {
          throw numbered(i);
        } catch (const numbered& e) {
          gyre::await(resume_on(current_runtime().loop(1 + i % 3)));
          seen.insert(thread_here());
          try {
            throw;
          } catch (const numbered& same) {
            if (&same != &e || same.number != i) return -1;
          }
        }
      }
      return static_cast<int>(seen.size());
    };
    task_options options{.pin = true, .loop = &current_runtime().loop(1)};
    co_return co_await create_task(fiber(body), options);
  };
  CHECK(run(amain(), run_options().loops(4)) == 3);
}

TEST_CASE("fiber: std::current_exception() and uncaught exceptions are each fiber's own", "[fiber][migration]") {
  // Two fibers on one loop wait inside handlers and leave them in the other order.
  run(
      []() -> coro<> {
        event first_may_end;
        event second_waits;
        std::string log;
        const auto first = [&] {
          try {
            throw numbered(1);
          } catch (const numbered&) {
            gyre::await(first_may_end.wait());
            log += in_words(std::current_exception());
          }
        };
        const auto second = [&] {
          CHECK(std::current_exception() == nullptr);
          try {
            throw numbered(2);
          } catch (const numbered&) {
            second_waits.set();
            gyre::await(sleep(1ms));
            first_may_end.set();
            gyre::await(sleep(1ms));
            log += ", " + in_words(std::current_exception());
          }
          CHECK(std::current_exception() == nullptr);
        };
        const task<> a = create_task(fiber(std::ref(first)));
        const task<> b = create_task(fiber(std::ref(second)));
        co_await second_waits.wait();
        CHECK(std::current_exception() == nullptr);
        co_await a;
        co_await b;
        CHECK(log == "error: 1, error: 2");
      }(),
      one_loop());
}

TEST_CASE("fiber: a destructor may wait, and move, while an exception passes", "[fiber][migration]") {
  struct moves_at_end {
    explicit moves_at_end(int loop, int& counter) : to(loop), wrong(counter) {}
    moves_at_end(const moves_at_end&) = delete;
    moves_at_end& operator=(const moves_at_end&) = delete;
    ~moves_at_end() {
      if (std::uncaught_exceptions() != 1) ++wrong;
      gyre::await(resume_on(current_runtime().loop(to)));
      if (std::uncaught_exceptions() != 1) ++wrong;
    }
    int to;
    int& wrong;
  };
  const auto amain = []() -> coro<int> {
    const auto body = [] {
      int wrong = 0;
      try {
        const moves_at_end outer(3, wrong);
        const moves_at_end inner(2, wrong);
        throw numbered(9);
      } catch (const numbered& e) {
        if (e.number != 9 || &get_running_loop() != &current_runtime().loop(3)) ++wrong;
      }
      return wrong;
    };
    task_options options{.pin = true, .loop = &current_runtime().loop(1)};
    co_return co_await create_task(fiber(body), options);
  };
  CHECK(run(amain(), run_options().loops(4)) == 0);
}

TEST_CASE("fiber: an exception passes from fiber to fiber across threads", "[fiber][migration]") {
  run(
      []() -> coro<> {
        const auto chain = [](auto self, int depth) -> void {
          gyre::await(sleep(0ns));
          if (depth == 0) throw numbered(42);
          gyre::await(create_task(fiber([self, depth] { self(self, depth - 1); })));
        };
        for (int i = 0; i < 20; ++i) {
          const std::string ended = co_await outcome(fiber(chain, chain, 10));
          CHECK(ended == "error: 42");
        }
      }(),
      run_options().loops(4));
}

RUNTIME_TEST("fiber: many on many loops share a lock and lose no step", "[fiber][migration]") {
  lock mutex;
  long counted = 0;
  const auto body = [&] {
    for (int i = 0; i < 20; ++i) {
      const auto held = gyre::await(mutex.scoped());
      const long before = counted;
      gyre::await(sleep(0ns));
      counted = before + 1;
    }
  };
  std::vector<task<>> all;
  for (int i = 0; i < 10; ++i) all.push_back(create_task(fiber(std::ref(body))));
  co_await gather(all);
  CHECK(counted == 200);
}
