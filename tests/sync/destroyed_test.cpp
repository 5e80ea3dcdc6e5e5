// SPDX-License-Identifier: BSL-1.0
// A loop that closes destroys the frames of those who wait. They leave nothing behind, chosen already or not, and others go on
// with the primitive.
#include "loop_test.hpp"

#include <set>
#include <string>

using namespace gyre;
using namespace gyre_test;

namespace {

/// A loop that runs `main` and then stands still; what wakes its tasks from outside only queues them.
class stopped_loop {
 public:
  explicit stopped_loop(coro<> main) : loop_(new_event_loop()) {
    loop_->set_exception_handler([](event_loop&, const exception_context&) {});  // of tasks destroyed while pending
    loop_->run_until_complete(std::move(main));
  }
  void close() { loop_->close(); }

 private:
  std::shared_ptr<event_loop> loop_;
};

template <class T>
coro<> start_waiting(coro<> (*body)(T&), T& with, int count) {
  for (int i = 0; i < count; ++i) create_task(body(with));
  co_await settle(2);
}

}  // namespace

TEST_CASE("semaphore: waiters destroyed with their loop leave no trace", "[sync][semaphore][close]") {
  semaphore s(0);
  const auto body = [](semaphore& shared) -> coro<> { co_await shared.acquire(); };
  stopped_loop loop(start_waiting<semaphore>(body, s, 3));
  s.release();  // its permit goes with the waiter that was chosen
  loop.close();
  CHECK(to_string(s) == "<Semaphore [locked]>");
  s.release();
  CHECK(to_string(s) == "<Semaphore [unlocked, value:1]>");
  run(body(s), one_loop());
  CHECK(s.locked());
}

TEST_CASE("lock: waiters destroyed with their loop leave no trace", "[sync][lock][close]") {
  lock l;
  const auto body = [](lock& shared) -> coro<> { co_await shared.acquire(); };
  stopped_loop loop(start_waiting<lock>(body, l, 3));
  l.release();
  CHECK(to_string(l) == "<Lock [unlocked, waiters:2]>");
  loop.close();
  CHECK(to_string(l) == "<Lock [unlocked]>");
  run(body(l), one_loop());
  CHECK(l.locked());
  l.release();
  CHECK_FALSE(l.locked());
}

TEST_CASE("event: waiters destroyed with their loop leave no trace", "[sync][event][close]") {
  event e;
  const auto body = [](event& shared) -> coro<> { co_await shared.wait(); };
  {
    stopped_loop loop(start_waiting<event>(body, e, 2));
    loop.close();
    CHECK(to_string(e) == "<Event [unset]>");
  }
  stopped_loop loop(start_waiting<event>(body, e, 2));
  e.set();
  loop.close();
  CHECK(to_string(e) == "<Event [set]>");
}

TEST_CASE("condition: waiters destroyed with their loop leave no trace", "[sync][condition][close]") {
  condition c;
  const auto body = [](condition& shared) -> coro<> {
    co_await shared.acquire();
    co_await shared.wait();
  };
  const auto main = [](coro<> (*wait)(condition&), condition& shared) -> coro<> {
    co_await start_waiting<condition>(wait, shared, 3);
    co_await shared.acquire();
  };
  stopped_loop loop(main(body, c));
  c.notify();
  CHECK(to_string(c) == "<Condition [locked, waiters:3]>");
  loop.close();
  CHECK(to_string(c) == "<Condition [locked]>");
  c.notify_all();
  c.release();
  CHECK_FALSE(c.locked());
}

TEST_CASE("barrier: parties destroyed with their loop leave their places to others", "[sync][barrier][close]") {
  barrier b(3);
  const auto body = [](barrier& shared) -> coro<> { co_await shared.wait(); };
  stopped_loop loop(start_waiting<barrier>(body, b, 2));
  CHECK(b.n_waiting() == 2);
  loop.close();
  CHECK(b.n_waiting() == 0);
  const auto round = [](barrier& shared) -> coro<std::set<std::size_t>> {
    std::vector<coro<std::size_t>> all;
    for (int i = 0; i < 3; ++i) all.push_back(shared.wait());
    const auto indices = co_await gather(std::move(all));
    co_return std::set<std::size_t>(indices.begin(), indices.end());
  };
  CHECK(run(round(b), one_loop()) == std::set<std::size_t>{0, 1, 2});
}

TEST_CASE("queue: those who wait at it, destroyed with their loop, leave no trace", "[sync][queue][close]") {
  queue<int> empty;
  queue<int> full(1);
  full.put_nowait(1);
  const auto get = [](queue<int>& q) -> coro<> { co_await q.get(); };
  const auto put = [](queue<int>& q) -> coro<> { co_await q.put(2); };
  const auto join = [](queue<int>& q) -> coro<> { co_await q.join(); };
  stopped_loop getters(start_waiting<queue<int>>(get, empty, 3));
  stopped_loop putters(start_waiting<queue<int>>(put, full, 3));
  stopped_loop joiners(start_waiting<queue<int>>(join, full, 2));
  empty.put_nowait(7);
  CHECK(full.get_nowait() == 1);
  getters.close();
  putters.close();
  joiners.close();
  CHECK(to_string(empty) == "<Queue maxsize=0 _queue=[7] tasks=1>");
  CHECK(to_string(full) == "<Queue maxsize=1 tasks=1>");
  full.task_done();
  CHECK(empty.get_nowait() == 7);
}
