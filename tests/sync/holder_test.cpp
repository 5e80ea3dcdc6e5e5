// SPDX-License-Identifier: BSL-1.0
// A lock knows who holds it, however it came by it: the deadlock report relies on that.
#include "loop_test.hpp"

#include <string>

using namespace gyre;
using namespace gyre_test;

namespace {

task<> start_named(const char* name, coro<> body) {
  task_options options;
  options.name = name;
  return create_task(std::move(body), options);
}

coro<> take_and_keep(lock& l) {
  co_await l.acquire();
  co_await sleep(1h);
}
coro<> take(lock& l) { const auto held = co_await l.scoped(); }

/// Who holds the lock that this task waits for.
std::string holder_for(const char* name) {
  for (const wait_graph_node& each : capture_wait_graph(get_running_loop()).tasks) {
    if (each.name != name) continue;
    if (each.waits_for != wait_subject::lock) return "no wait";
    return each.holder.empty() ? "nobody" : each.holder;
  }
  return "no such task";
}

}  // namespace

LOOP_TEST("lock: who waited for it and got it is its holder", "[sync][lock][holder]") {
  track_lock_holders();
  lock l;
  co_await l.acquire();
  const task<> second = start_named("second", take_and_keep(l));
  const task<> third = start_named("third", take(l));
  co_await settle(2);
  l.release();
  CHECK(holder_for("third") == "nobody");  // it is free, for the second one, who has not gone on yet
  co_await settle(2);
  CHECK(holder_for("third") == "'second'");
  second.cancel();
  third.cancel();
  co_await settle(2);
}

LOOP_TEST("lock: who takes it past waiters that were cancelled is its holder", "[sync][lock][holder]") {
  track_lock_holders();
  lock l;
  co_await l.acquire();
  const task<> first = start_named("first", take(l));
  co_await settle(2);
  const task<> second = start_named("second", take_and_keep(l));
  const task<> third = start_named("third", take(l));
  first.cancel();
  l.release();
  co_await settle(2);
  CHECK(holder_for("third") == "'second'");
  second.cancel();
  third.cancel();
  co_await settle(2);
}

LOOP_TEST("lock: a free lock has no holder while its first waiter, cancelled, has yet to pass it on",
          "[sync][lock][holder]") {
  track_lock_holders();
  lock l;
  const task<> keeper = start_named("keeper", take_and_keep(l));
  const task<> first = start_named("first", take(l));
  const task<> second = start_named("second", take(l));
  co_await settle(2);
  CHECK(holder_for("second") == "'keeper'");
  first.cancel();
  l.release();
  CHECK(holder_for("second") == "nobody");
  co_await second;
  keeper.cancel();
  co_await settle(2);
}
