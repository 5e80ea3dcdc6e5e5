// SPDX-License-Identifier: BSL-1.0
#pragma once
// Tests whose body is a coroutine: LOOP_TEST runs it on one loop in asyncio's order, and as a second test case, "(4 loops)",
// pinned to one loop of a runtime of four; RUNTIME_TEST runs it on several loops, unpinned. Each on the virtual clock first,
// then on real threads.
#include <catch2/catch.hpp>
#include <gyre/gyre.hpp>
#include <gyre/testing.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace gyre_test {

using namespace std::chrono_literals;

inline gyre::run_options one_loop() { return gyre::run_options().loops(1); }

/// Lets the loop take `turns` iterations: enough for what is ready and for what becomes ready by that.
inline gyre::coro<> settle(int turns = 10) {
  for (int i = 0; i < turns; ++i) co_await gyre::sleep(0ns);
}

/// An error in words: `cancelled`, `cancelled: why`, `timeout`, `error: what`.
inline std::string in_words(const std::exception_ptr& error) {
  try {
    if (error != nullptr) std::rethrow_exception(error);
    return "no error";
  } catch (const gyre::cancelled_error& e) {
    return *e.what() == '\0' ? std::string("cancelled") : std::string("cancelled: ") + e.what();
  } catch (const gyre::timeout_error&) {
    return "timeout";
  } catch (const std::exception& e) {
    return std::string("error: ") + e.what();
  } catch (const gyre::base_exception& e) {
    return std::string("base exception: ") + e.what();
  }
}

/// How awaiting `aw` ends, in words: `done`, a number, a text, or an error.
template <class A>
gyre::coro<std::string> outcome(A aw) {
  using T = typename A::value_type;
  std::exception_ptr error;
  try {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(aw);
      co_return "done";
    } else if constexpr (std::is_arithmetic_v<T>) {
      const T value = co_await std::move(aw);
      co_return std::to_string(value);
    } else if constexpr (std::is_same_v<T, std::string>) {
      co_return co_await std::move(aw);
    } else {
      static_cast<void>(co_await std::move(aw));
      co_return "done";
    }
  } catch (...) {
    error = std::current_exception();
  }
  co_return in_words(error);
}

/// Whether the loop has gone to its next iteration since this was made: an await that does not suspend keeps it here.
class turn_probe {
 public:
  turn_probe() {
    gyre::get_running_loop().call_soon([taken = taken_] { *taken = true; });
  }
  [[nodiscard]] bool taken() const { return *taken_; }

 private:
  std::shared_ptr<bool> taken_ = std::make_shared<bool>(false);
};

/// Sends a loop's reports to a list while it lives.
class report_catcher {
 public:
  explicit report_catcher(gyre::event_loop& loop = gyre::get_running_loop()) : loop_(loop) {
    loop_.set_exception_handler(
        [this](gyre::event_loop&, const gyre::exception_context& context) { reports.push_back(context); });
  }
  report_catcher(const report_catcher&) = delete;
  report_catcher& operator=(const report_catcher&) = delete;
  ~report_catcher() { loop_.set_exception_handler({}); }

  std::vector<gyre::exception_context> reports;

 private:
  gyre::event_loop& loop_;
};

}  // namespace gyre_test

namespace gyre_test {

/// Runs a test's body under the simulation from each of `seeds` seeds, where a lost wake-up is an error, then for real.
inline void run_both_ways(int loops, std::uint64_t seeds, gyre::coro<> (*body)()) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    INFO(loops << " loops, simulation from seed " << seed);
    gyre::testing::simulate(seed, gyre::run_options().loops(loops), body());
  }
  INFO(loops << " loops, for real");
  gyre::run(body(), gyre::run_options().loops(loops));
}

/// The body as tasks of one loop, pinned, in asyncio's order, with three loops beside it.
inline void run_beside_others(gyre::coro<> (*body)()) {
  const gyre::run_options four = gyre::run_options().loops(4).order(gyre::run_order::asyncio);
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    INFO("one of 4 loops, simulation from seed " << seed);
    gyre::testing::simulate(seed, four, body());
  }
  INFO("one of 4 loops, for real");
  gyre::run(body(), four);
}

/// The same on runtimes of 2, 4, 8 and 64 loops, simulated with all that a busy machine does, too.
inline void run_on_many(gyre::coro<> (*body)()) {
  for (const int loops : {2, 4, 8, 64}) {
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
      INFO(loops << " loops, simulation with extremes from seed " << seed);
      gyre::testing::simulate(seed, gyre::testing::sim_options().loops(loops).extremes(true), body());
    }
    run_both_ways(loops, 4, body);
  }
}

}  // namespace gyre_test

#define GYRE_RUNTIME_TEST(body, ...)                       \
  static gyre::coro<> body();                              \
  TEST_CASE(__VA_ARGS__) { gyre_test::run_on_many(body); } \
  static gyre::coro<> body()

#define GYRE_LOOP_TEST(body, name, ...)                                             \
  static gyre::coro<> body();                                                       \
  TEST_CASE(name, __VA_ARGS__) { gyre_test::run_both_ways(1, 1, body); }            \
  TEST_CASE(name " (4 loops)", __VA_ARGS__) { gyre_test::run_beside_others(body); } \
  static gyre::coro<> body()

#define LOOP_TEST(name, ...) GYRE_LOOP_TEST(INTERNAL_CATCH_UNIQUE_NAME(loop_test_), name, __VA_ARGS__)
#define RUNTIME_TEST(...) GYRE_RUNTIME_TEST(INTERNAL_CATCH_UNIQUE_NAME(runtime_test_), __VA_ARGS__)
