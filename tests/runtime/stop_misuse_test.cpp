// SPDX-License-Identifier: BSL-1.0
// Ends and runs of a runtime from places that cannot do it.
#include "loop_test.hpp"

#include <atomic>
#include <future>
#include <thread>

using namespace gyre;
using namespace gyre_test;

namespace {

template <class F>
std::string error_of(F f) {
  try {
    f();
    return "no error";
  } catch (const would_deadlock&) {
    return "would_deadlock";
  } catch (const already_running&) {
    return "already_running";
  }
}

}  // namespace

TEST_CASE("FAULT-37: a function of a runtime's own executor cannot stop it, also while another thread does",
          "[runtime]") {
  runtime r(run_options().loops(2));
  std::promise<void> begun;
  std::atomic<bool> cancelled{false};
  std::string first;
  std::string second;
  const auto stop_twice = [&] {
    first = error_of([&r] { r.stop(); });
    begun.set_value();
    while (!cancelled.load()) std::this_thread::yield();  // the steps that follow wait for this function
    second = error_of([&r] { r.stop(); });
  };
  const auto offload = [](auto function, std::atomic<bool>& was_cancelled) -> coro<> {
    try {
      co_await to_thread(function);
    } catch (const cancelled_error&) {
      was_cancelled.store(true);
    }
  };
  static_cast<void>(run_coroutine_threadsafe(offload(stop_twice, cancelled), r));
  begun.get_future().wait();
  r.stop();
  CHECK(first == "would_deadlock");
  CHECK(second == "would_deadlock");
}

TEST_CASE("FAULT-03: a loop that a runtime has a thread for cannot be run by another", "[runtime]") {
  const auto nothing = []() -> coro<> { co_return; };
  for (int round = 0; round < 20; ++round) {
    runtime r(run_options().loops(2));
    for (int i = 0; i < 2; ++i) CHECK(error_of([&] { r.loop(i).run_forever(); }) == "already_running");
    CHECK(error_of([&] { r.loop(0).run_until_complete(nothing()); }) == "already_running");
    CHECK(run_coroutine_threadsafe(nothing(), r.loop(1)).exception() == nullptr);
  }
}
