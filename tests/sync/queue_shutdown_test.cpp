// SPDX-License-Identifier: BSL-1.0
// The end of a queue, for each kind of queue.
#include "loop_test.hpp"

#include <string>

using namespace gyre;
using namespace gyre_test;

namespace {

/// How q.get(), q.get_nowait(), q.put() and q.put_nowait() end: a letter each, `.` for done, `s` for queue_shut_down.
template <class Queue>
coro<std::string> four_calls(Queue& q) {
  std::string how;
  for (int call = 0; call < 4; ++call) {
    char end = '.';
    try {
      if (call == 0) static_cast<void>(co_await q.get());
      if (call == 1) static_cast<void>(q.get_nowait());
      if (call == 2) co_await q.put("new");
      if (call == 3) q.put_nowait("new");
    } catch (const queue_shut_down&) {
      end = 's';
    }
    how += end;
  }
  co_return how;
}

template <class Queue>
coro<std::string> get_one(Queue& q) {
  co_return co_await q.get();
}
template <class Queue>
coro<> put_one(Queue& q, std::string item) {
  co_await q.put(std::move(item));
}
template <class Queue>
coro<> await_join(Queue& q) {
  co_await q.join();
}

/// Runs a test's body for each kind of queue.
template <class Body>
coro<> for_all_queues(Body body) {
  co_await body.template operator()<queue<std::string>>();
  co_await body.template operator()<lifo_queue<std::string>>();
  co_await body.template operator()<priority_queue<std::string>>();
}

template <class Queue>
coro<> counts_left_items() {
  Queue q;
  q.put_nowait("a");
  q.put_nowait("b");
  const task<> joiner = create_task(await_join(q));
  static_cast<void>(q.get_nowait());
  co_await settle(3);
  CHECK_FALSE(joiner.done());  // taking one does not finish it
  q.task_done();
  co_await settle(3);
  CHECK_FALSE(joiner.done());
  q.shutdown();
  co_await settle(3);
  CHECK_FALSE(joiner.done());  // the other one is still in the queue
  static_cast<void>(q.get_nowait());
  q.task_done();
  co_await joiner;
}

template <class Queue>
coro<> shuts_down_empty() {
  Queue q;
  q.shutdown();
  co_await q.join();
  const std::string how = co_await four_calls(q);
  CHECK(how == "ssss");
}

template <class Queue>
coro<> shuts_down_filled() {
  Queue q(2);
  q.put_nowait("a");
  q.put_nowait("b");
  q.shutdown();
  CHECK(q.qsize() == 2);
  const std::string full = co_await outcome(put_one(q, "c"));
  CHECK(full == "error: queue is shut down");
  const std::string how = co_await four_calls(q);
  CHECK(how == "..ss");
  const std::string ended = co_await four_calls(q);
  CHECK(ended == "ssss");
  q.task_done();
  q.task_done();
  CHECK_THROWS_AS(q.task_done(), value_error);
  co_await q.join();
}

template <class Queue>
coro<> wakes_everybody() {
  Queue empty;
  Queue full(1);
  full.put_nowait("a");
  const task<std::string> first = create_task(get_one(empty));
  const task<std::string> second = create_task(get_one(empty));
  const task<> third = create_task(put_one(full, "b"));
  const task<> fourth = create_task(put_one(full, "c"));
  co_await settle(2);
  empty.shutdown();
  full.shutdown();
  co_await sleep(0ns);
  CHECK(first.done());
  CHECK(second.done());
  CHECK(third.done());
  CHECK(fourth.done());
  CHECK(in_words(second.exception()) == "error: queue is shut down");
  CHECK(in_words(fourth.exception()) == "error: queue is shut down");
  CHECK(in_words(first.exception()) == in_words(third.exception()));
  CHECK(full.get_nowait() == "a");
}

template <class Queue>
coro<> drops_items() {
  Queue q;
  for (const char* item : {"a", "b", "c"}) q.put_nowait(item);
  const task<> joiner = create_task(await_join(q));
  co_await settle(2);
  static_cast<void>(q.get_nowait());
  q.shutdown(true);
  CHECK(q.empty());
  const std::string how = co_await four_calls(q);
  CHECK(how == "ssss");
  co_await settle(2);
  CHECK_FALSE(joiner.done());  // the one that was taken is unfinished
  q.task_done();
  CHECK_THROWS_AS(q.task_done(), value_error);
  co_await joiner;
}

template <class Queue>
coro<> drops_later() {
  Queue q;
  q.put_nowait("a");
  q.put_nowait("b");
  const task<> joiner = create_task(await_join(q));
  co_await settle(2);
  q.shutdown();
  q.shutdown();
  CHECK(q.qsize() == 2);
  CHECK(q.get_nowait().size() == 1);
  q.task_done();
  CHECK_FALSE(joiner.done());
  q.shutdown(true);  // what it drops was all that the joiner waits for
  q.shutdown(true);
  q.shutdown();
  CHECK(q.empty());
  co_await joiner;
}

}  // namespace

LOOP_TEST("QUEUE-016: items left in the queue count as unfinished", "[sync][queue]") {
  co_await for_all_queues([]<class Queue>() { return counts_left_items<Queue>(); });
}

LOOP_TEST("FAULT-16, QUEUE-017: after shutdown() nothing can be put or got", "[sync][queue]") {
  co_await for_all_queues([]<class Queue>() { return shuts_down_empty<Queue>(); });
}

LOOP_TEST("QUEUE-017: what is in the queue at shutdown() can be taken", "[sync][queue]") {
  co_await for_all_queues([]<class Queue>() { return shuts_down_filled<Queue>(); });
}

LOOP_TEST("QUEUE-018: shutdown() wakes all who wait with an error", "[sync][queue]") {
  co_await for_all_queues([]<class Queue>() { return wakes_everybody<Queue>(); });
}

LOOP_TEST("QUEUE-018: a getter woken by an item gets it in spite of shutdown()", "[sync][queue]") {
  queue<std::string> q;
  const task<std::string> first = create_task(get_one(q));
  const task<std::string> second = create_task(get_one(q));
  co_await settle(2);
  q.put_nowait("a");
  q.shutdown();
  const std::string item = co_await first;
  CHECK(item == "a");
  const std::string how = co_await outcome(second);
  CHECK(how == "error: queue is shut down");
}

LOOP_TEST("QUEUE-018: a putter woken by a get is refused after shutdown()", "[sync][queue]") {
  queue<std::string> q(1);
  q.put_nowait("a");
  const task<> putter = create_task(put_one(q, "b"));
  co_await settle(2);
  static_cast<void>(q.get_nowait());
  q.shutdown();
  const std::string how = co_await outcome(putter);
  CHECK(how == "error: queue is shut down");
  CHECK(q.empty());
}

LOOP_TEST("QUEUE-018: a waiter cancelled in the instant of shutdown() ends cancelled", "[sync][queue]") {
  queue<std::string> q;
  const task<std::string> getter = create_task(get_one(q));
  co_await settle(2);
  q.shutdown();
  getter.cancel();
  const std::string how = co_await outcome(getter);
  CHECK(how == "cancelled");
}

LOOP_TEST("QUEUE-019: an immediate shutdown() drops the items, each as done", "[sync][queue]") {
  co_await for_all_queues([]<class Queue>() { return drops_items<Queue>(); });
}

LOOP_TEST("QUEUE-019: items reported as done before an immediate shutdown() drops them do not count again",
          "[sync][queue]") {
  queue<int> q;
  for (int i = 0; i < 3; ++i) q.put_nowait(i);
  for (int i = 0; i < 2; ++i) q.task_done();
  q.shutdown(true);
  CHECK(to_string(q) == "<Queue maxsize=0 shutdown>");
  co_await q.join();
  CHECK_THROWS_AS(q.task_done(), value_error);
}

LOOP_TEST("QUEUE-020: shutdown() may be called again, and drop what is left", "[sync][queue]") {
  co_await for_all_queues([]<class Queue>() { return drops_later<Queue>(); });
}
