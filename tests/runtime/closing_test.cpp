// SPDX-License-Identifier: BSL-1.0
// What the loops of a runtime that ends owe each other: nothing that is sent to a closed one is kept.
#include "loop_test.hpp"

#include <memory>
#include <utility>

using namespace gyre;
using namespace gyre_test;

namespace {

/// Ends a future when it goes.
struct ends_future {
  explicit ends_future(future<int> f) : target(std::move(f)) {}
  ends_future(const ends_future&) = delete;
  ends_future& operator=(const ends_future&) = delete;
  ~ends_future() { target.set_result(1); }
  future<int> target;
};

}  // namespace

TEST_CASE("XLOOP-027: callbacks that a closing loop sends to another one are dropped", "[runtime][close]") {
  const auto kept = std::make_shared<int>(1);
  const auto main = [](std::shared_ptr<int> given) -> coro<> {
    const auto stubborn = [](future<int> f) -> coro<> {
      const ends_future local(std::move(f));
      for (;;) {
        try {
          co_await sleep(1h);
        } catch (const cancelled_error&) {
        }
      }
    };
    for (int i = 0; i < loop_count(); ++i) {
      event_loop& other = current_runtime().loop((i + 1) % loop_count());
      const future<int> f = other.create_future<int>();
      f.add_done_callback([given](const future<int>&) {});
      task_options place;
      place.loop = &current_runtime().loop(i);
      place.pin = true;
      create_task(place, stubborn, f);
      other.set_exception_handler([](event_loop&, const exception_context&) {});
    }
    co_await sleep(1ms);
  };
  gyre::testing::simulate(1, run_options().loops(3).shutdown_timeout(1ms), main(kept));
  CHECK(kept.use_count() == 1);
}
