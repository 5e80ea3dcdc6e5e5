// SPDX-License-Identifier: BSL-1.0
// Calls of primitives as tasks.
#include "loop_test.hpp"

#include <string>

using namespace gyre;
using namespace gyre_test;

LOOP_TEST("call: create_task takes a call of any primitive", "[sync]") {
  lock l;
  event e;
  semaphore s(0);
  condition c;
  barrier b(2);
  queue<std::string> q(1);
  const task<bool> locked = create_task(l.acquire());
  const task<bool> set = create_task(e.wait());
  const task<bool> permit = create_task(s.acquire());
  const task<std::size_t> met = create_task(b.wait());
  const task<std::string> item = create_task(q.get());
  const task<> put = create_task(q.put("first"));
  const task<> second = create_task(q.put("second"));
  const task<> joined = create_task(q.join());
  const std::string how = co_await outcome(create_task(c.wait()));
  CHECK(how == "error: cannot wait on un-acquired lock");
  co_await settle(4);
  CHECK(locked.result());
  CHECK(item.result() == "first");
  CHECK(second.done());
  CHECK_FALSE(set.done());
  CHECK_FALSE(permit.done());
  CHECK_FALSE(met.done());
  CHECK_FALSE(joined.done());
  q.task_done();
  q.task_done();
  co_await joined;
  e.set();
  s.release();
  co_await b.wait();
  co_await gather(set, permit, met);
  l.release();
}

LOOP_TEST("call: a cancelled task of a call leaves its queue", "[sync]") {
  queue<int> q;
  const task_options named{.name = "getter"};
  const task<int> getter = create_task(q.get(), named);
  CHECK(getter.get_name() == "getter");
  co_await settle(2);
  getter.cancel();
  const std::string how = co_await outcome(getter);
  CHECK(how == "cancelled");
  CHECK(to_string(q) == "<Queue maxsize=0>");
}
