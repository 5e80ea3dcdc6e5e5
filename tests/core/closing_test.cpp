// SPDX-License-Identifier: BSL-1.0
// Last touches: what a loop that closes abandons, what a future leaves behind that nobody ends, what outlives what.
#include "at_end.hpp"
#include "loop/loop_core.hpp"
#include "loop_test.hpp"
#include "spoil.hpp"

#include <gyre/core/task_record.hpp>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<> wait_with(std::shared_ptr<at_end> kept) {
  static_cast<void>(kept);
  co_await future<int>();
}

coro<> await_future(future<int> f) { static_cast<void>(co_await f); }

void take_turns(event_loop& loop, int n) {
  for (int i = 0; i < n; ++i) {
    loop.stop();
    loop.run_forever();
  }
}

}  // namespace

TEST_CASE("closing: a thread outside cannot cancel a task while its loop closes", "[core][close]") {
  const auto loop = new_event_loop();
  loop->set_exception_handler([](event_loop&, const exception_context&) {});
  const task<> older = loop->create_task(await_future(loop->create_future<int>()));
  std::optional<bool> accepted;
  auto cancels = std::make_shared<at_end>([&] { std::thread([&] { accepted = older.cancel(); }).join(); });
  const task<> younger = loop->create_task(wait_with(std::move(cancels)));  // destroyed first
  take_turns(*loop, 3);
  loop->close();
  REQUIRE(accepted);
  CHECK_FALSE(*accepted);
}

TEST_CASE("closing: a task that another abandoned one has woken leaves the ring before it goes", "[core][close]") {
  const auto loop = new_event_loop();
  loop->set_exception_handler([](event_loop&, const exception_context&) {});
  const future<int> f = loop->create_future<int>();
  bool spoilt = false;
  auto spoils = std::make_shared<at_end>([&] {
    spoil_free_memory();
    spoilt = true;
  });
  loop->create_task(wait_with(std::move(spoils)));  // destroyed last
  loop->create_task(await_future(f));               // woken by the next one, then destroyed
  auto wakes = std::make_shared<at_end>([&] { f.set_result(1); });
  loop->create_task(wait_with(std::move(wakes)));
  take_turns(*loop, 3);
  loop->close();
  CHECK(spoilt);
}

TEST_CASE("closing: callbacks that an abandoned task brings about on its way out are let go of", "[core][close]") {
  const auto loop = new_event_loop();
  loop->set_exception_handler([](event_loop&, const exception_context&) {});
  const auto kept = std::make_shared<int>(1);
  bool called = false;
  {
    const future<int> f = loop->create_future<int>();
    f.add_done_callback([kept, &called](const auto&) { called = true; });
    auto ends = std::make_shared<at_end>([f] { f.set_result(1); });
    loop->create_task(wait_with(std::move(ends)));
    take_turns(*loop, 3);
    loop->close();
    CHECK(f.done());
  }
  CHECK_FALSE(called);
  CHECK(kept.use_count() == 1);
}

TEST_CASE("closing: a loop that closes waits for who looks at a parked task", "[core][close]") {
  const auto loop = new_event_loop();
  loop->set_exception_handler([](event_loop&, const exception_context&) {});
  std::atomic<bool> gone{false};
  auto notes = std::make_shared<at_end>([&] { gone = true; });
  detail::task_core* parked = nullptr;
  const auto body = [](std::shared_ptr<at_end> kept, detail::task_core*& me) -> coro<> {
    me = detail::this_thread().current;
    co_await wait_with(std::move(kept));
  };
  const task<> t = loop->create_task(body(std::move(notes), parked));
  take_turns(*loop, 3);
  REQUIRE(parked != nullptr);
  static_cast<detail::own_task*>(parked)->expect_abandon();  // its report would look, too
  REQUIRE(parked->state.lock_if_waiting());
  std::atomic<bool> closing{false};
  bool went_early = false;
  std::thread observer([&] {
    while (!closing) std::this_thread::yield();
    const auto until = std::chrono::steady_clock::now() + 100ms;  // time to go wrong in
    while (!went_early && std::chrono::steady_clock::now() < until) {
      std::this_thread::yield();
      went_early = gone;
    }
    parked->state.unlock();
  });
  closing = true;
  loop->close();
  observer.join();
  CHECK_FALSE(went_early);
  CHECK(gone);
}

LOOP_TEST("future: callbacks of a future that nobody will end go with its last handle", "[core][future]") {
  const auto kept = std::make_shared<int>(1);
  {
    const future<int> f;
    f.add_done_callback([kept](const future<int>&) {});
    CHECK(kept.use_count() == 2);
  }
  CHECK(kept.use_count() == 1);
  co_return;
}

LOOP_TEST("future: an error whose report keeps the future is reported once", "[core][future]") {
  std::vector<any_future> kept;
  int reports = 0;
  event_loop& loop = get_running_loop();
  loop.set_exception_handler([&](event_loop&, const exception_context& context) {
    ++reports;
    if (context.future) kept.push_back(context.future);
  });
  {
    const future<int> f;
    f.set_exception(std::runtime_error("unseen"));
  }
  CHECK(reports == 1);
  REQUIRE(kept.size() == 1);
  kept.clear();
  CHECK(reports == 1);
  loop.set_exception_handler({});
  co_return;
}

LOOP_TEST("task: arguments that are kept for a body outlive its parameters", "[core][task]") {
  struct argument {
    argument(std::string& l, const char* n) noexcept : log(&l), name(n) {}
    argument(argument&& other) noexcept : log(std::exchange(other.log, nullptr)), name(other.name) {}
    argument(const argument&) = delete;
    argument& operator=(const argument&) = delete;
    ~argument() {
      if (log != nullptr) *log += name;
    }
    std::string* log;
    const char* name;
  };
  std::string log;
  const auto body = [](const argument&, argument) -> coro<> { co_await sleep(0ns); };
  const task<> t = create_task(body, argument(log, "kept "), argument(log, "parameter "));
  co_await t;
  CHECK(log == "parameter kept ");
}

TEST_CASE("future: one whose loop has closed can still be ended", "[core][future]") {
  const auto loop = new_event_loop();
  const future<int> result = loop->create_future<int>();
  const future<int> error = loop->create_future<int>();
  loop->close();
  result.set_result(7);
  CHECK(result.done());
  CHECK(result.result() == 7);
  error.set_exception(std::runtime_error("late"));
  CHECK_THROWS_WITH(error.result(), "late");
}

TEST_CASE("XLOOP-027: a future of a loop that is gone is refused by the one that has taken its place",
          "[core][future]") {
  const gyre::testing::simulation active(1);
  std::shared_ptr<event_loop> loop = new_event_loop();
  const future<int> left = loop->create_future<int>();
  const detail::loop_identity* const place = &loop->core().identity();
  loop->close();
  loop.reset();
  loop = new_event_loop();
  REQUIRE(&loop->core().identity() == place);
  const auto wait = [](future<int> f) -> coro<> { static_cast<void>(co_await f); };
  CHECK_THROWS_AS(loop->run_until_complete(wait(left)), loop_closed);
  loop->close();
}
