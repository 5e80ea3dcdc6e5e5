// SPDX-License-Identifier: BSL-1.0
// The end of run(), runner and runtime, from every state.
#include "loop_test.hpp"

#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

// Open until its loop's shutdown; then it takes longer than anybody waits.
async_generator<int> slow_to_close(std::shared_ptr<int> held) {
  std::exception_ptr closing;
  try {
    co_yield 1;
  } catch (...) {
    closing = std::current_exception();
  }
  co_await sleep(1h);
  static_cast<void>(held);
  if (closing != nullptr) std::rethrow_exception(closing);
}

/// What the loops of a runtime report, in words.
class report_list {
 public:
  explicit report_list(runtime& r) {
    for (int i = 0; i < r.loop_count(); ++i) listen(r.loop(i));
  }
  explicit report_list(current_runtime_view r) {
    for (int i = 0; i < r.loop_count(); ++i) listen(r.loop(i));
  }
  [[nodiscard]] std::size_t count(const std::string& start) const {
    const std::lock_guard hold(shared_->guard);
    std::size_t n = 0;
    for (const std::string& each : shared_->all) n += each.rfind(start, 0) == 0 ? 1 : 0;
    return n;
  }

 private:
  struct list {
    std::mutex guard;
    std::vector<std::string> all;
  };
  void listen(event_loop& loop) {
    loop.set_exception_handler([to = shared_](event_loop&, const exception_context& context) {
      const std::lock_guard hold(to->guard);
      to->all.push_back(context.message);
    });
  }
  std::shared_ptr<list> shared_ = std::make_shared<list>();
};

/// Counts itself while it lives.
class life_token {
 public:
  explicit life_token(std::atomic<int>& alive) : alive_(&alive) { ++*alive_; }
  life_token(const life_token& other) : life_token(*other.alive_) {}
  life_token& operator=(const life_token&) = delete;
  ~life_token() { --*alive_; }

 private:
  std::atomic<int>* alive_;
};

coro<> sleep_with(life_token, std::atomic<int>& begun) {
  ++begun;
  co_await sleep(1h);
}

coro<int> give(int value) { co_return value; }

coro<> swallow_every_cancel() {
  for (;;) {
    try {
      co_await sleep(1h);
    } catch (const cancelled_error&) {
    }
  }
}

}  // namespace

TEST_CASE("shutdown: one deadline for all steps, though tasks and generators both outlast it", "[runtime][shutdown]") {
  for (const int loops : {1, 4}) {
    const testing::simulation world;
    std::vector<std::string> reports;
    const auto main = [](std::vector<std::string>& log, std::optional<async_generator<int>>& kept,
                         std::shared_ptr<int> object) -> coro<> {
      get_running_loop().set_exception_handler(
          [&log](event_loop&, const exception_context& context) { log.push_back(context.message); });
      kept.emplace(slow_to_close(std::move(object)));
      static_cast<void>(co_await kept->next());
      const task_options stubborn{.name = "stubborn", .pin = true};
      create_task(swallow_every_cancel(), stubborn);
      co_await sleep(0ns);
    };
    std::optional<async_generator<int>> open;
    const auto inside = std::make_shared<int>(0);
    run(main(reports, open, inside), run_options().loops(loops).shutdown_timeout(1s));
    CHECK(world.elapsed() == 1s);
    CHECK(inside.use_count() == 1);  // the body went with its loop, though its object is still here
    REQUIRE_FALSE(reports.empty());
    CHECK(reports[0] == "task 'stubborn' did not end before the shutdown timeout");
  }
}

// --- who ends it ------------------------------------------------------------------------------------------------------

TEST_CASE("shutdown: a task that stops the loop of run() ends it, and what is left is cancelled",
          "[runtime][shutdown]") {
  for (const int loops : {1, 4}) {
    bool cancelled = false;
    const auto main = [](bool& seen) -> coro<> {
      const auto stop = [](event_loop& first) -> coro<> {
        first.stop();
        co_return;
      };
      create_task(stop, std::ref(get_running_loop()));
      try {
        co_await sleep(1h);
      } catch (const cancelled_error&) {
        seen = true;
        throw;
      }
    };
    CHECK_THROWS_WITH(run(main(cancelled), run_options().loops(loops)), "Event loop stopped before Future completed.");
    CHECK(cancelled);
  }
}

TEST_CASE("shutdown: a thread that submits a stop ends run()", "[runtime][shutdown]") {
  for (const int loops : {1, 4}) {
    std::thread other;
    const auto main = [](std::thread& thread) -> coro<> {
      event_loop& first = get_running_loop();
      thread = std::thread([&first] {
        const auto stop = []() -> coro<> {
          get_running_loop().stop();
          co_return;
        };
        const auto ended = run_coroutine_threadsafe(stop(), first);
        ended.result();
      });
      co_await sleep(1h);
    };
    CHECK_THROWS_AS(run(main(other), run_options().loops(loops)), error);
    other.join();
  }
}

TEST_CASE("XLOOP-027: stop() of a worker's loop ends its turn; the runtime goes on", "[runtime][shutdown]") {
  const auto main = []() -> coro<int> {
    event_loop& worker = current_runtime().loop(1);
    const task_options there{.pin = true, .loop = &worker};
    const auto stop = []() -> coro<> {
      get_running_loop().stop();
      co_await sleep(0ns);
      get_running_loop().stop();
    };
    co_await create_task(there, stop);
    worker.stop();
    const task<int> t = create_task(there, give, 5);
    co_return co_await t;
  };
  for (std::uint64_t seed = 1; seed <= 4; ++seed) CHECK(testing::simulate(seed, run_options().loops(3), main()) == 5);
  for (int i = 0; i < 20; ++i) CHECK(run(main(), run_options().loops(3)) == 5);
  runtime r(run_options().loops(2));
  r.loop(0).stop();
  r.loop(1).stop();
  CHECK(run_coroutine_threadsafe(give(1), r.loop(0)).result() == 1);
  CHECK(run_coroutine_threadsafe(give(2), r.loop(1)).result() == 2);
}

TEST_CASE("shutdown: several threads stop a runtime at once", "[runtime][shutdown]") {
  for (int round = 0; round < 10; ++round) {
    std::atomic<int> begun{0};
    std::atomic<int> alive{0};
    runtime r(run_options().loops(4));
    for (int i = 0; i < 8; ++i) static_cast<void>(run_coroutine_threadsafe(sleep_with(life_token(alive), begun), r));
    while (begun < 8) std::this_thread::yield();
    std::vector<std::thread> stoppers;
    std::atomic<int> early{0};
    for (int i = 0; i < 3; ++i) {
      stoppers.emplace_back([&] {
        r.stop();
        if (alive != 0 || !r.loop(0).is_closed()) ++early;
      });
    }
    for (std::thread& each : stoppers) each.join();
    CHECK(early == 0);
  }
}

TEST_CASE("FAULT-41: a runtime inside another one is stopped through to_thread()", "[runtime][shutdown]") {
  for (const int loops : {1, 4}) {
    const auto main = []() -> coro<std::string> {
      runtime inner(run_options().loops(2));
      std::string refused;
      try {
        inner.stop();
      } catch (const would_deadlock& e) {
        refused = e.what();
      }
      const int value = co_await to_thread([&inner] { return run_coroutine_threadsafe(give(4), inner).result(); });
      co_await to_thread([&inner] { inner.stop(); });
      inner.stop();  // it has stopped: nothing to wait for
      co_return refused + std::to_string(value);
    };
    CHECK(run(main(), run_options().loops(loops)) ==
          "runtime::stop() would block the thread of a running event loop: call it through to_thread()4");
  }
}

TEST_CASE("shutdown: a runtime that is left open in to_thread() of another ends with it", "[runtime][shutdown]") {
  std::atomic<int> begun{0};
  std::atomic<int> alive{0};
  const auto main = [](std::atomic<int>& started, std::atomic<int>& living) -> coro<> {
    co_await to_thread([&] {
      runtime inner(run_options().loops(2));
      static_cast<void>(run_coroutine_threadsafe(sleep_with(life_token(living), started), inner));
      while (started == 0) std::this_thread::yield();
    });
  };
  run(main(begun, alive), run_options().loops(2));
  CHECK(begun == 1);
  CHECK(alive == 0);
}

// --- what is there when it ends ---------------------------------------------------------------------------------------

TEST_CASE("shutdown: a leftover that cancels all tasks does not end the shutdown before the others",
          "[runtime][shutdown]") {
  for (const int loops : {1, 4}) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      const testing::simulation world(seed);
      int ended = 0;
      const auto cancel_all = []() -> coro<> {
        try {
          co_await sleep(1h);
        } catch (const cancelled_error&) {
        }
        for (int i = 0; i < 3; ++i) {
          for (any_task each : all_tasks()) each.cancel();
          try {
            co_await sleep(0ns);
          } catch (const cancelled_error&) {
          }
        }
      };
      const auto slow = [](int& count) -> coro<> {
        const auto until = get_running_loop().now() + 1s;
        while (get_running_loop().now() < until) {
          try {
            co_await sleep(100ms);
          } catch (const cancelled_error&) {
          }
        }
        ++count;
      };
      const auto main = [](auto first, auto second, int& count) -> coro<> {
        const task_options here{.pin = true};
        create_task(first);
        create_task(here, second, std::ref(count));
        co_await settle(3);
      };
      run(main(cancel_all, slow, ended), run_options().loops(loops));
      CHECK(ended == 1);
    }
  }
}

TEST_CASE("shutdown: a leftover that stops the loop, or throws system_exit, does not end it before the others",
          "[runtime][shutdown]") {
  for (const int loops : {1, 4}) {
    for (const bool exits : {false, true}) {
      const testing::simulation world;
      int ended = 0;
      const auto leave = [](bool by_exit) -> coro<> {
        try {
          co_await sleep(1h);
        } catch (const cancelled_error&) {
        }
        if (by_exit) throw system_exit();
        get_running_loop().stop();
        co_await sleep(0ns);
        get_running_loop().stop();
      };
      const auto slow = [](int& count) -> coro<> {
        try {
          co_await sleep(1h);
        } catch (const cancelled_error&) {
        }
        co_await sleep(1s);
        ++count;
      };
      const auto main = [](auto first, auto second, int& count, bool by_exit) -> coro<> {
        get_running_loop().set_exception_handler([](event_loop&, const exception_context&) {});
        const task_options here{.pin = true};
        create_task(here, first, by_exit);
        create_task(here, second, std::ref(count));
        co_await sleep(0ns);
      };
      run(main(leave, slow, ended, exits), run_options().loops(loops));
      CHECK(ended == 1);
    }
  }
}

TEST_CASE("shutdown: tasks made while it is under way are destroyed with a report", "[runtime][shutdown]") {
  for (const int loops : {1, 2, 8}) {
    std::atomic<int> begun{0};
    std::atomic<int> alive{0};
    std::size_t pending = 0;
    {
      runtime r(run_options().loops(loops));
      const report_list reports(r);
      const auto breed = [](std::atomic<int>& living, std::atomic<int>& started) -> coro<> {
        const life_token mine(living);
        ++started;
        try {
          co_await sleep(1h);
        } catch (const cancelled_error&) {
        }
        for (int i = 0; i < 5; ++i) create_task(sleep_with, life_token(living), std::ref(started));
        const auto both = [](std::atomic<int>& l, std::atomic<int>& s) -> coro<> {
          co_await gather(sleep_with(life_token(l), s), sleep_with(life_token(l), s));
        };
        create_task(both, std::ref(living), std::ref(started));
      };
      for (int i = 0; i < 10; ++i) static_cast<void>(run_coroutine_threadsafe(breed(alive, begun), r));
      while (begun < 10) std::this_thread::yield();
      r.stop();
      pending = reports.count("Task was destroyed but it is pending!");
    }
    CHECK(alive == 0);
    CHECK(pending == 60);
  }
}

TEST_CASE("shutdown: main throws while tasks swallow their cancels: its error comes out in time",
          "[runtime][shutdown]") {
  for (const int loops : {1, 4}) {
    const testing::simulation world;
    const auto main = []() -> coro<> {
      const report_list quiet(current_runtime());
      for (int i = 0; i < 5; ++i) create_task(swallow_every_cancel());
      co_await sleep(1ms);
      throw std::runtime_error("main failed");
    };
    CHECK_THROWS_WITH(run(main(), run_options().loops(loops).shutdown_timeout(1s)), "main failed");
    CHECK(world.elapsed() == 1001ms);
  }
}

TEST_CASE("shutdown: generators that are open on any loop are closed there", "[runtime][shutdown]") {
  for (const int loops : {1, 4}) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      std::vector<const event_loop*> closed_on;
      std::vector<const event_loop*> begun_on;
      const auto numbers = [](std::vector<const event_loop*>& out) -> async_generator<int> {
        struct at_end {
          ~at_end() { ended.push_back(&get_running_loop()); }
          std::vector<const event_loop*>& ended;
        };
        const at_end note{out};
        co_yield 1;
        co_yield 2;
      };
      std::vector<std::unique_ptr<async_generator<int>>> kept;
      const auto main = [](auto make, auto& generators, auto& ended, auto& started) -> coro<> {
        const auto begin = [](async_generator<int>& g, std::vector<const event_loop*>& at) -> coro<> {
          at.push_back(&get_running_loop());
          static_cast<void>(co_await g.next());
        };
        for (int i = 0; i < loop_count(); ++i) {
          generators.push_back(std::make_unique<async_generator<int>>(make(ended)));
          const task_options there{.pin = true, .loop = &current_runtime().loop(i)};
          co_await create_task(there, begin, std::ref(*generators.back()), std::ref(started));
        }
      };
      testing::simulate(seed, run_options().loops(loops), main(numbers, kept, closed_on, begun_on));
      CHECK(closed_on.size() == static_cast<std::size_t>(loops));
      CHECK(std::is_permutation(closed_on.begin(), closed_on.end(), begun_on.begin(), begun_on.end()));
    }
  }
}

TEST_CASE("FAULT-39: a function that does not return is left behind at the deadline", "[runtime][shutdown]") {
  for (const int loops : {1, 4}) {
    std::promise<void> go;
    std::promise<void> back;
    std::size_t told = 0;
    {
      const auto main = [](std::promise<void>& release, std::promise<void>& ended, std::size_t&) -> coro<report_list> {
        const report_list reports(current_runtime());
        std::promise<void> begun;
        const auto stuck = [](std::promise<void>& in, std::promise<void>& until, std::promise<void>& out) {
          in.set_value();
          until.get_future().wait();
          out.set_value();
        };
        const auto wait_for_it = [](auto fn, auto& a, auto& b, auto& c) -> coro<> {
          co_await to_thread(fn, std::ref(a), std::ref(b), std::ref(c));
        };
        create_task(wait_for_it(stuck, begun, release, ended));
        co_await sleep(0ns);
        co_await to_thread([&begun] { begun.get_future().wait(); });
        co_return reports;
      };
      const report_list reports = run(main(go, back, told), run_options().loops(loops).shutdown_timeout(20ms));
      told = reports.count("the executor did not finish joining its threads before the shutdown timeout");
    }
    CHECK(told == 1);
    go.set_value();  // its result has nowhere to go any more
    back.get_future().wait();
  }
}

TEST_CASE("shutdown: threads that submit to one loop, to any, and post callbacks, while others cancel",
          "[runtime][shutdown]") {
  for (int round = 0; round < 5; ++round) {
    std::atomic<int> alive{0};
    std::atomic<int> begun{0};
    std::atomic<int> undecided{0};
    {
      runtime r(run_options().loops(4));
      const report_list quiet(r);
      std::vector<std::thread> others;
      for (int t = 0; t < 4; ++t) {
        others.emplace_back([&, t] {
          std::vector<blocking_future<void>> mine;
          try {
            for (int i = 0; i < 3000; ++i) {
              if (t % 2 == 0) {
                mine.push_back(run_coroutine_threadsafe(sleep_with(life_token(alive), begun), r.loop(i % 4)));
              } else {
                mine.push_back(run_coroutine_threadsafe(sleep_with(life_token(alive), begun), r));
              }
              r.loop(i % 4).call_soon_threadsafe([kept = life_token(alive)] {});
              if (i % 3 == 0) mine[static_cast<std::size_t>(i / 2)].cancel();
            }
          } catch (const loop_closed&) {
          }
          for (const auto& each : mine) {
            try {
              each.result();
              ++undecided;
            } catch (const cancelled_error&) {
            } catch (const loop_closed&) {
            }
          }
        });
      }
      while (begun < 200) std::this_thread::yield();
      r.stop();
      for (std::thread& each : others) each.join();
    }
    CHECK(undecided == 0);
    CHECK(alive == 0);
  }
}

TEST_CASE("shutdown: run() on a runner's loops, main after main, leaves nothing", "[runtime][shutdown]") {
  for (const int loops : {1, 4}) {
    std::atomic<int> begun{0};
    std::atomic<int> alive{0};
    const auto main = [](std::atomic<int>& living, std::atomic<int>& started) -> coro<> {
      create_task(sleep_with, life_token(living), std::ref(started));
      co_await sleep(0ns);
      throw std::runtime_error("again");
    };
    {
      runner r(run_options().loops(loops));
      for (int i = 0; i < 3; ++i) CHECK_THROWS_AS(r.run(main(alive, begun)), std::runtime_error);
    }
    CHECK(alive == 0);
  }
}

TEST_CASE("RUN-016: a future whose runtime has stopped can still be ended", "[runtime][shutdown]") {
  runtime r(run_options().loops(2));
  const future<int> first = r.loop(0).create_future<int>();
  const future<int> second = r.loop(1).create_future<int>();
  r.stop();
  first.set_result(1);
  second.cancel();
  CHECK(first.done());
  CHECK(second.cancelled());
}
