// SPDX-License-Identifier: BSL-1.0
// Awaiters with names: they live on when their wait is over, the primitive need not.
#include "loop_test.hpp"

#include <optional>

using namespace gyre;
using namespace gyre_test;

LOOP_TEST("sync: an awaiter that has waited does not need its primitive any more",
          "[sync][semaphore][lock][event][queue]") {
  std::optional<semaphore> s(std::in_place, 0);
  std::optional<lock> l(std::in_place);
  std::optional<event> e(std::in_place);
  std::optional<queue<int>> q(std::in_place);
  co_await l->acquire();
  q->put_nowait(1);
  auto permit = s->acquire();
  auto turn = l->acquire();
  auto bell = e->wait();
  auto joined = q->join();
  const auto free_all = [](semaphore& permits, lock& held, event& flag, queue<int>& items) -> coro<> {
    permits.release();
    co_await settle(2);
    held.release();
    co_await settle(2);
    flag.set();
    co_await settle(2);
    items.task_done();
  };
  const task<> freeing = create_task(free_all, std::ref(*s), std::ref(*l), std::ref(*e), std::ref(*q));
  co_await std::move(permit);
  s.reset();  // asserts that nobody waits
  co_await std::move(turn);
  l.reset();
  co_await std::move(bell);
  e.reset();
  co_await std::move(joined);
  q.reset();
  co_await freeing;
  SUCCEED("no awaiter was left in a queue");
}
