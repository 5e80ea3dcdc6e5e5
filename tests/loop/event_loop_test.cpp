// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <cmath>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<int> give(int value) { co_return value; }

coro<int> fail() {
  throw std::runtime_error("from the coroutine");
  co_return 0;
}

coro<> await_future(future<int> f) { static_cast<void>(co_await f); }

coro<> note(bool& ran) {
  ran = true;
  co_return;
}

/// Runs the loop for one iteration.
void run_once(event_loop& loop) {
  loop.stop();
  loop.run_forever();
}

}  // namespace

TEST_CASE("LOOP-001: callbacks run in the order of registration, once each", "[loop]") {
  const auto loop = new_event_loop();
  std::string log;
  for (const char* name : {"a ", "b ", "c "}) loop->call_soon([&log, name] { log += name; });
  run_once(*loop);
  run_once(*loop);
  CHECK(log == "a b c ");
}

TEST_CASE("LOOP-001: call_soon passes arguments", "[loop]") {
  const auto loop = new_event_loop();
  int sum = 0;
  const auto add = [](int& to, int n) { to += n; };
  loop->call_soon(add, std::ref(sum), 4);
  run_once(*loop);
  CHECK(sum == 4);
}

TEST_CASE("LOOP-002: what a callback queues waits for the next iteration", "[loop]") {
  const auto loop = new_event_loop();
  std::string log;
  loop->call_soon([&] {
    log += "outer ";
    loop->call_soon([&log] { log += "inner "; });
  });
  run_once(*loop);
  CHECK(log == "outer ");
  run_once(*loop);
  CHECK(log == "outer inner ");
}

TEST_CASE("LOOP-003: a cancelled handle is not called; cancelling again is harmless", "[loop]") {
  const auto loop = new_event_loop();
  bool called = false;
  const handle h = loop->call_soon([&called] { called = true; });
  CHECK_FALSE(h.cancelled());
  h.cancel();
  h.cancel();
  CHECK(h.cancelled());
  run_once(*loop);
  CHECK_FALSE(called);
  h.cancel();
}

TEST_CASE("LOOP-011: time() is monotonic and counts seconds", "[loop]") {
  const auto loop = new_event_loop();
  const double before = loop->time();
  std::this_thread::sleep_for(2ms);
  const double after = loop->time();
  CHECK(after >= before + 0.002);
  CHECK(after < before + 60);
}

TEST_CASE("LOOP-012: stop() lets the iteration end; what it queued stays for the next run", "[loop]") {
  const auto loop = new_event_loop();
  std::string log;
  loop->call_soon([&] {
    log += "first ";
    loop->stop();
    loop->call_soon([&log] { log += "later "; });
  });
  loop->call_soon([&log] { log += "second "; });
  loop->run_forever();
  CHECK(log == "first second ");
  run_once(*loop);
  CHECK(log == "first second later ");
}

TEST_CASE("LOOP-013: stop() before run_forever() runs exactly one iteration", "[loop]") {
  const auto loop = new_event_loop();
  int ran = 0;
  loop->call_soon([&ran] { ++ran; });
  loop->stop();
  loop->run_forever();
  CHECK(ran == 1);
  CHECK_FALSE(loop->is_running());
}

TEST_CASE("LOOP-014: a stopped loop goes on where it was", "[loop]") {
  const auto loop = new_event_loop();
  const future<int> f = loop->create_future<int>();
  const task<> t = loop->create_task(await_future(f));
  run_once(*loop);
  CHECK_FALSE(t.done());
  f.set_result(1);
  loop->run_until_complete(t);
  CHECK(t.done());
}

TEST_CASE("LOOP-015: run_until_complete gives the result of a coroutine, task or future", "[loop]") {
  const auto loop = new_event_loop();
  CHECK(loop->run_until_complete(give(1)) == 1);
  CHECK(loop->run_until_complete(loop->create_task(give(2))) == 2);
  const future<int> f = loop->create_future<int>();
  loop->call_soon([&f] { f.set_result(3); });
  CHECK(loop->run_until_complete(f) == 3);
  CHECK(loop->run_until_complete(f) == 3);
}

TEST_CASE("LOOP-015: run_until_complete throws what the coroutine threw", "[loop]") {
  const auto loop = new_event_loop();
  CHECK_THROWS_WITH(loop->run_until_complete(fail()), "from the coroutine");
  CHECK_FALSE(loop->is_running());
}

TEST_CASE("LOOP-016: run_until_complete says so when the loop was stopped before", "[loop]") {
  const auto loop = new_event_loop();
  const future<int> f = loop->create_future<int>();
  loop->call_soon([&loop] { loop->stop(); });
  CHECK_THROWS_WITH(loop->run_until_complete(f), "Event loop stopped before Future completed.");
  f.set_result(4);
  CHECK(loop->run_until_complete(f) == 4);
}

TEST_CASE("LOOP-016: a stopped run_until_complete leaves no callback on its future", "[loop]") {
  const auto loop = new_event_loop();
  const future<int> f = loop->create_future<int>();
  loop->call_soon([&loop] { loop->stop(); });
  CHECK_THROWS_AS(loop->run_until_complete(f), error);
  CHECK(to_string(f) == "<Future pending>");
}

TEST_CASE("LOOP-018: run_until_complete refuses a future of another loop", "[loop]") {
  const auto loop = new_event_loop();
  const auto other = new_event_loop();
  const future<int> f = other->create_future<int>();
  CHECK_THROWS_AS(loop->run_until_complete(f), value_error);
}

LOOP_TEST("FAULT-03, LOOP-019: a loop that runs does not run in another thread, too", "[loop]") {
  event_loop& here = get_running_loop();
  bool refused = false;
  std::thread other([&] {
    try {
      here.run_forever();
    } catch (const already_running&) {
      refused = true;
    }
  });
  other.join();
  CHECK(refused);
  co_return;
}

LOOP_TEST("FAULT-03, LOOP-019: no loop runs inside a running loop", "[loop]") {
  const auto other = new_event_loop();
  CHECK_THROWS_AS(other->run_forever(), already_running);
  coro<int> body = give(1);
  CHECK_THROWS_AS(other->run_until_complete(other->create_future<int>()), already_running);
  CHECK_THROWS_AS(get_running_loop().run_forever(), already_running);
  body.close();
  co_return;
}

TEST_CASE("LOOP-020: an exception that ends the program leaves run_forever at once", "[loop]") {
  const auto loop = new_event_loop();
  std::string log;
  loop->call_soon([&log] { log += "before "; });
  loop->call_soon([] { throw keyboard_interrupt("stop"); });
  loop->call_soon([&log] { log += "after "; });
  CHECK_THROWS_AS(loop->run_forever(), keyboard_interrupt);
  CHECK(log == "before ");
  CHECK_FALSE(loop->is_running());
  run_once(*loop);
  CHECK(log == "before after ");
}

TEST_CASE("LOOP-020: system_exit keeps its code", "[loop]") {
  const auto loop = new_event_loop();
  loop->call_soon([] { throw system_exit(3); });
  int code = 0;
  try {
    loop->run_forever();
  } catch (const system_exit& e) {
    code = e.code();
  }
  CHECK(code == 3);
}

LOOP_TEST("LOOP-021: a running loop cannot be closed", "[loop]") {
  CHECK_THROWS_AS(get_running_loop().close(), error);
  co_return;
}

TEST_CASE("FAULT-02, LOOP-022: a closed loop refuses work", "[loop]") {
  const auto loop = new_event_loop();
  CHECK_FALSE(loop->is_closed());
  loop->close();
  loop->close();
  CHECK(loop->is_closed());
  const auto nothing = [] {};
  CHECK_THROWS_AS(loop->call_soon(nothing), loop_closed);
  CHECK_THROWS_AS(loop->call_soon_threadsafe(nothing), loop_closed);
  CHECK_THROWS_AS(loop->call_later(1ms, nothing), loop_closed);
  CHECK_THROWS_AS(loop->call_at(loop->now(), nothing), loop_closed);
  CHECK_THROWS_AS(loop->run_forever(), loop_closed);
  CHECK_THROWS_AS(loop->run_until_complete(give(1)), loop_closed);
}

TEST_CASE("LOOP-023: close() drops callbacks and timers", "[loop]") {
  const auto loop = new_event_loop();
  const auto token = std::make_shared<int>(1);
  bool called = false;
  loop->call_soon([&called, token] { called = true; });
  loop->call_later(1h, [&called, token] { called = true; });
  CHECK(token.use_count() == 3);
  loop->close();
  CHECK(token.use_count() == 1);
  CHECK_FALSE(called);
}

TEST_CASE("LOOP-024: a loop that is destroyed closes itself", "[loop]") {
  auto loop = new_event_loop();
  const auto token = std::make_shared<int>(1);
  loop->call_soon([token] {});
  loop.reset();
  CHECK(token.use_count() == 1);
}

TEST_CASE("LOOP-025: is_running() is true only while it runs", "[loop]") {
  const auto loop = new_event_loop();
  bool inside = false;
  CHECK_FALSE(loop->is_running());
  loop->call_soon([&] { inside = loop->is_running(); });
  run_once(*loop);
  CHECK(inside);
  CHECK_FALSE(loop->is_running());
}

TEST_CASE("LOOP-026: get_running_loop() works inside callbacks only", "[loop]") {
  CHECK_THROWS_AS(get_running_loop(), no_running_loop);
  const auto loop = new_event_loop();
  event_loop* seen = nullptr;
  loop->call_soon([&seen] { seen = &get_running_loop(); });
  run_once(*loop);
  CHECK(seen == loop.get());
  CHECK_THROWS_AS(get_running_loop(), no_running_loop);
}

TEST_CASE("LOOP-027: get_event_loop() gives the running loop, else the one set for the thread", "[loop]") {
  CHECK_THROWS_AS(get_event_loop(), no_running_loop);
  const auto set = new_event_loop();
  const auto running = new_event_loop();
  set_event_loop(set);
  CHECK(&get_event_loop() == set.get());
  event_loop* seen = nullptr;
  running->call_soon([&seen] { seen = &get_event_loop(); });
  run_once(*running);
  CHECK(seen == running.get());
  set_event_loop(nullptr);
  CHECK_THROWS_AS(get_event_loop(), no_running_loop);
}

TEST_CASE("LOOP-028: new_event_loop() makes independent loops", "[loop]") {
  const auto a = new_event_loop();
  const auto b = new_event_loop();
  CHECK(a != b);
  bool ran = false;
  b->call_soon([&ran] { ran = true; });
  run_once(*a);
  CHECK_FALSE(ran);
  run_once(*b);
  CHECK(ran);
}

TEST_CASE("LOOP-035: in debug mode call_soon from a foreign thread is refused", "[loop]") {
  const auto loop = new_event_loop();
  loop->set_debug(true);
  CHECK(loop->get_debug());
  bool refused = false;
  loop->call_soon([&] {
    std::thread([&] {
      try {
        loop->call_soon([] {});
      } catch (const error&) {
        refused = true;
      }
    }).join();
  });
  run_once(*loop);
  CHECK(refused);
}

TEST_CASE("FAULT-02, LOOP-038: create_task on a closed loop destroys the coroutine unrun", "[loop]") {
  const auto loop = new_event_loop();
  loop->close();
  bool ran = false;
  CHECK_THROWS_AS(loop->create_task(note(ran)), loop_closed);
  CHECK_FALSE(ran);
}

TEST_CASE("LOOP-039: create_future() makes a pending future of the loop", "[loop]") {
  const auto loop = new_event_loop();
  const future<int> f = loop->create_future<int>();
  CHECK_FALSE(f.done());
  CHECK(&f.get_loop() == loop.get());
}

TEST_CASE("loop: many callbacks in one iteration", "[loop]") {
  const auto loop = new_event_loop();
  int count = 0;
  for (int i = 0; i < 10'000; ++i) loop->call_soon([&count] { ++count; });
  run_once(*loop);
  CHECK(count == 10'000);
}

LOOP_TEST("FAULT-40, LOOP-034: in debug mode a slow callback or step is reported with its text and its time",
          "[loop][debug]") {
  event_loop& loop = get_running_loop();
  const report_catcher caught;
  loop.set_debug(true);
  CHECK(loop.slow_callback_duration() == 100ms);
  loop.slow_callback_duration(0ns);  // everything is slow
  loop.call_soon([] {});
  const task<> other = create_task(settle(1));
  co_await other;
  loop.set_debug(false);
  loop.slow_callback_duration(100ms);
  const std::size_t while_on = caught.reports.size();
  bool callback = false;
  bool step = false;
  for (const exception_context& each : caught.reports) {
    if (each.message.rfind("Executing <Handle callback()> took 0", 0) == 0) callback = each.handle.has_value();
    if (each.message.rfind("Executing <Task ", 0) == 0) step = static_cast<bool>(each.task);
  }
  CHECK(callback);
  CHECK(step);
  loop.call_soon([] {});
  co_await settle(2);
  CHECK(caught.reports.size() <= while_on + 1);  // the step that switched it off
}

LOOP_TEST("LOOP-030: the handler that was set can be asked for", "[loop][exception_handler]") {
  event_loop& loop = get_running_loop();
  CHECK(loop.get_exception_handler() == nullptr);
  loop.set_exception_handler([](event_loop&, const exception_context&) {});
  CHECK(loop.get_exception_handler() != nullptr);
  loop.set_exception_handler(nullptr);
  CHECK(loop.get_exception_handler() == nullptr);
  co_return;
}

LOOP_TEST("LOOP-036: set_debug works while the loop runs", "[loop][debug]") {
  event_loop& loop = get_running_loop();
  CHECK_FALSE(loop.get_debug());
  loop.set_debug(true);
  CHECK(loop.get_debug());
  co_await sleep(0ns);
  loop.set_debug(false);
  CHECK_FALSE(loop.get_debug());
}

TEST_CASE("LOOP-044: a cancel from outside wakes a loop that has nothing else to do", "[loop][cancel]") {
  const auto waits = []() -> coro<> { co_await sleep(1h); };
  const auto main = [](auto body) -> coro<std::string> {
    const task<> t = create_task(body);
    co_await sleep(0ns);
    std::thread canceller([t] { t.cancel(); });
    std::string how = co_await outcome(t);
    canceller.join();
    co_return how;
  };
  CHECK(run(main(waits), one_loop()) == "cancelled");
}
