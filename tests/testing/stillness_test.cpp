// SPDX-License-Identifier: BSL-1.0
// What a simulation looks for before its clock goes on: each kind of wait, in a state in which nobody may wait.
#include "loop_test.hpp"

#include <memory>
#include <string>

using namespace gyre;
using namespace gyre_test;
using detail::wait_reason;
using gyre::testing::sim_options;
using gyre::testing::simulate;

namespace {

// Parks its task as one that waits for `at`, which knows nothing of it; or so that `check` is asked before it goes on.
class lost_wait : public detail::awaiter_base {
 public:
  lost_wait(wait_reason by, const void* at) noexcept : by_(by), at_(at) {}
  explicit lost_wait(detail::resume_check& check) noexcept : by_(wait_reason::unknown), at_(nullptr), check_(&check) {}
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  template <class Promise>
  [[nodiscard]] bool await_suspend(std::coroutine_handle<Promise> at) noexcept {
    detail::task_core& t = *at.promise().task;
    t.resume_point = at;
    t.check = check_;
    if (by_ != wait_reason::unknown) t.note_wait(by_, at_);
    return t.park_or_yield();
  }
  void await_resume() const noexcept {}

 private:
  wait_reason by_;
  const void* at_;
  detail::resume_check* check_ = nullptr;
};

class idle_timer final : public detail::timer_node {
 public:
  idle_timer() noexcept : timer_node(&nothing, &no_turn, true) {}

 private:
  static void nothing(detail::timer_node&) noexcept {}
  static void no_turn(detail::runnable&, detail::runnable::fate) noexcept {}
};

coro<> wait_in_vain(wait_reason by, const void* at) { co_await lost_wait(by, at); }
coro<> wait_in_vain_by(detail::resume_check& check) { co_await lost_wait(check); }

// What the simulation says of a task that waits so, while main sleeps.
std::string said_of(wait_reason by, const void* at) {
  try {
    simulate(1, sim_options().loops(2), [&]() -> coro<> {
      const task<> lost = create_task(wait_in_vain(by, at));
      co_await sleep(1s);
    });
  } catch (const error& e) {
    return e.what();
  }
  return "nothing";
}

// The same of a waiter of `q`.
template <class Awaiter>
std::string said_of(Awaiter waiter) {
  try {
    simulate(1, sim_options().loops(2), [&]() -> coro<> {
      const task<> lost = create_task(wait_in_vain_by(waiter));
      co_await sleep(1s);
    });
  } catch (const error& e) {
    return e.what();
  }
  return "nothing";
}

Catch::Matchers::StdString::ContainsMatcher says(const char* what) { return Catch::Matchers::Contains(what); }

}  // namespace

TEST_CASE("stillness: nobody waits for what is there", "[testing][stillness]") {
  const lock free;
  CHECK_THAT(said_of(wait_reason::lock, &free), says("waits for a lock that is free"));
  const semaphore permits(1);
  CHECK_THAT(said_of(wait_reason::semaphore, &permits), says("waits for a semaphore that has permits"));
  event flag;
  flag.set();
  CHECK_THAT(said_of(wait_reason::event, &flag), says("waits for an event that is set"));
  const idle_timer timer;
  CHECK_THAT(said_of(wait_reason::timer, static_cast<const detail::timer_node*>(&timer)),
             says("waits for a timer that is not set"));
  const task_group group;
  CHECK_THAT(said_of(wait_reason::group, &group), says("waits for a task group whose tasks have ended"));
}

TEST_CASE("stillness: nobody waits at a queue that can serve", "[testing][stillness]") {
  queue<int> q(1);
  CHECK_THAT(said_of(q.put(1)), says("waits for room in a queue that has some"));
  q.put_nowait(1);
  CHECK_THAT(said_of(q.get()), says("waits for an item of a queue that has some"));
  CHECK(said_of(q.put(2)) == "nothing");
  q.shutdown();
  CHECK_THAT(said_of(q.put(2)), says("waits at a queue that is shut down"));
  q.get_nowait();
  CHECK_THAT(said_of(q.get()), says("waits at a queue that is shut down"));
}

TEST_CASE("stillness: nobody waits for a kind of wait that is not noted", "[testing][stillness]") {
  CHECK_THAT(said_of(wait_reason::unknown, nullptr), says("waits for something unknown"));
  CHECK_THAT(said_of(wait_reason::io, nullptr), says("has lost what it looks at before it goes on"));
}

TEST_CASE("stillness: who waits for what never comes is none of its business", "[testing][stillness]") {
  const semaphore none(0);
  CHECK(said_of(wait_reason::semaphore, &none) == "nothing");
  const event unset;
  CHECK(said_of(wait_reason::event, &unset) == "nothing");
  const condition unnotified;
  CHECK(said_of(wait_reason::condition, &unnotified) == "nothing");
}

namespace {

coro<> nest(int depth, event& leaf) {
  if (depth == 0) {
    co_await leaf.wait();
  } else {
    co_await gather(nest(depth - 1, leaf));
  }
}

coro<> open_nest(int depth) {
  event leaf;
  const task<> open = create_task(nest(depth, leaf));
  co_await sleep(1s);  // the clock goes on: all that wait have been looked at
  CHECK_FALSE(open.done());
  leaf.set();
  co_await open;
}

}  // namespace

TEST_CASE("stillness: gathers inside each other are looked at, however deep", "[testing][stillness]") {
  simulate(1, sim_options().loops(2), [] { return open_nest(200'000); });
}
