// SPDX-License-Identifier: BSL-1.0
// Threads outside of a runtime wake tasks whose loop closes just then: each task is woken in time, or destroyed where it waits.
#include "loop_test.hpp"

#include <atomic>
#include <thread>

using namespace gyre;
using namespace gyre_test;

namespace {

constexpr int crowd = 1000;
constexpr int rounds = 10;

/// Starts `crowd` tasks that wait, closes their loop as soon as `gone_ahead()`, and has another thread run `wake` meanwhile.
template <class Shared, class Wake, class GoneAhead>
void close_while_woken(coro<> (*body)(Shared&), Wake wake, GoneAhead gone_ahead) {
  for (int round = 0; round < rounds; ++round) {
    Shared shared;
    std::shared_ptr<event_loop> loop = new_event_loop();
    loop->set_exception_handler([](event_loop&, const exception_context&) {});  // of tasks destroyed while pending
    const auto start = [](coro<> (*each)(Shared&), Shared& with) -> coro<> {
      for (int i = 0; i < crowd; ++i) create_task(each(with));
      co_await settle(2);
    };
    loop->run_until_complete(start(body, shared));
    std::thread outside([&] { wake(shared); });
    while (!gone_ahead(shared)) std::this_thread::yield();
    loop->close();
    loop.reset();  // that thread may not have queued the last one yet
    outside.join();
  }
}

}  // namespace

TEST_CASE("XLOOP-019: set() on a thread outside while the loop of the waiters closes", "[sync][event][close]") {
  close_while_woken<event>([](event& e) -> coro<> { co_await e.wait(); }, [](event& e) { e.set(); },
                           [](event& e) { return e.is_set(); });
}

TEST_CASE("XLOOP-019: release() on a thread outside while the loop of the waiters closes", "[sync][semaphore][close]") {
  struct gate {
    semaphore permits{0};
    std::atomic<int> released{0};
  };
  close_while_woken<gate>([](gate& g) -> coro<> { co_await g.permits.acquire(); },
                          [](gate& g) {
                            for (int i = 0; i < crowd; ++i) {
                              g.permits.release();
                              g.released.store(i);
                            }
                          },
                          [](gate& g) { return g.released.load() > crowd / 3; });
}

TEST_CASE("XLOOP-019: put_nowait() and shutdown() on a thread outside while the loop of the getters closes",
          "[sync][queue][close]") {
  struct pipe {
    queue<int> items;
    std::atomic<int> put{0};
  };
  close_while_woken<pipe>([](pipe& p) -> coro<> { co_await p.items.get(); },
                          [](pipe& p) {
                            for (int i = 0; i < crowd / 2; ++i) {
                              p.items.put_nowait(i);
                              p.put.store(i);
                            }
                            p.items.shutdown();
                          },
                          [](pipe& p) { return p.put.load() > crowd / 3; });
}

TEST_CASE("XLOOP-019: task_done() on a thread outside while the loop of those in join() closes",
          "[sync][queue][close]") {
  struct pipe {
    pipe() { items.put_nowait(1); }
    queue<int> items;
    std::atomic<bool> begun{false};
  };
  close_while_woken<pipe>([](pipe& p) -> coro<> { co_await p.items.join(); },
                          [](pipe& p) {
                            p.begun = true;
                            p.items.task_done();
                          },
                          [](pipe& p) { return p.begun.load(); });
}

TEST_CASE("XLOOP-019: notify_all() on a thread outside while the loop of the waiters closes",
          "[sync][condition][close]") {
  struct news {
    condition changed;
    int came = 0;
    std::atomic<bool> begun{false};
  };
  const auto body = [](news& n) -> coro<> {
    co_await n.changed.acquire();
    if (++n.came == crowd) co_return;  // and keeps the lock
    co_await n.changed.wait();
    n.changed.release();
  };
  close_while_woken<news>(
      body,
      [](news& n) {
        n.begun = true;
        n.changed.notify_all();
      },
      [](news& n) { return n.begun.load(); });
}
