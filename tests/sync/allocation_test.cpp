// SPDX-License-Identifier: BSL-1.0
// What the primitives promise about memory: in the steady state nothing calls malloc.
#include "allocations.hpp"
#include "loop_test.hpp"

#include <array>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

struct objects {
  lock mutex;
  semaphore permits{1};
  event flag;
  condition changed;
  barrier gate{2};
  queue<int> numbers{2};
  queue<std::vector<int>> boxed{2};
  lifo_queue<std::vector<int>> stack{2};
  priority_queue<std::array<int, 20>> sorted{2};
};

coro<> put_all(objects& o) {
  const std::vector<int> list;
  const std::array<int, 20> array = {};
  for (int i = 0; i < 5; ++i) {
    co_await o.numbers.put(i);
    co_await o.boxed.put(list);
    co_await o.stack.put(list);
    co_await o.sorted.put(array);
  }
}

coro<> get_all(objects& o) {
  for (int i = 0; i < 5; ++i) {
    static_cast<void>(co_await o.numbers.get());
    static_cast<void>(co_await o.boxed.get());
    static_cast<void>(co_await o.stack.get());
    static_cast<void>(co_await o.sorted.get());
  }
}

coro<> wait_and_set(objects& o) {
  const auto held = co_await o.changed.scoped();
  co_await o.changed.wait();
  o.flag.set();
}

coro<> notify_and_wait(objects& o) {
  for (int i = 0; i < 2; ++i) co_await sleep(0ns);
  {
    const auto held = co_await o.changed.scoped();
    o.changed.notify_all();
  }
  co_await o.flag.wait();
  o.flag.clear();
}

/// One of two tasks that meet everywhere. (A frame above 2 KiB would not come from the pool.)
coro<> use_all(objects& o, bool first) {
  for (int i = 0; i < 5; ++i) {
    const auto held = co_await o.mutex.scoped();
    const auto permit = co_await o.permits.scoped();
    co_await sleep(0ns);
  }
  if (first) {
    co_await put_all(o);
  } else {
    co_await get_all(o);
  }
  co_await o.gate.wait();
  if (first) {
    co_await wait_and_set(o);
  } else {
    co_await notify_and_wait(o);
  }
}

coro<> one_round(objects& o) {
  const task<> a = create_task(use_all(o, true));
  const task<> b = create_task(use_all(o, false));
  co_await a;
  co_await b;
}

}  // namespace

TEST_CASE("C12: in the steady state no primitive calls malloc", "[sync]") {
  if (!counts_allocations) return;
  const auto main = []() -> coro<long> {
    objects o;
    for (int i = 0; i < 20; ++i) co_await one_round(o);
    const allocation_counter made;
    for (int i = 0; i < 20; ++i) co_await one_round(o);
    co_return made.count();
  };
  CHECK(run(main(), one_loop()) == 0);
}
