// SPDX-License-Identifier: BSL-1.0
// Models of what is sent to a loop: the list of messages, the inbox for threads outside, the bell that wakes a reactor, and
// the short lock. Nothing is lost or taken twice, and whoever takes it sees what was written before.
#include "loop/doorbell.hpp"
#include "loop/foreign_inbox.hpp"
#include "loop/message_list.hpp"
#include "loop/sleep_mark.hpp"

#include <gyre/base/spin_lock.hpp>

#include <array>
#include <memory>
#include <mutex>
#include <optional>

#include "model.hpp"

void gyre::detail::backoff::once() noexcept { gyre_model_backoff(); }

namespace {

using namespace gyre_model;
namespace detail = gyre::detail;

struct entry : detail::runnable {
  entry() : runnable([](runnable&, fate) noexcept {}) {}
  rl::var<int> written;
  int taken = 0;  // bookkeeping of the model, which runs one thread at a time
  int order = 0;  // likewise: the how manieth it was that its taker took
};

void use(detail::runnable& r, int& count) {
  auto& e = static_cast<entry&>(r);
  RL_ASSERT(e.written($) == 1);
  ++e.taken;
  e.order = ++count;
}

// --- list of messages -------------------------------------------------------------------------------------------------

/// Two push, the loop takes; a thief may take them all, too.
template <class Derived, int Threads>
struct list_model : rl::test_suite<Derived, Threads> {
  struct state {
    detail::basic_message_list<model_atomics> list;
    std::array<entry, 3> entries;
  };
  std::unique_ptr<state> world;

  void before() { world = std::make_unique<state>(); }
  void after() {
    take_all();
    for (const entry& each : world->entries) RL_ASSERT(each.taken == 1);
    RL_ASSERT(world->list.empty());
    world.reset();
  }
  void push(int i) {
    entry& e = world->entries[static_cast<std::size_t>(i)];
    e.written($) = 1;
    world->list.push(e);
  }
  bool take_all() {
    int count = 0;
    return world->list.take_all([&](detail::runnable& r) { use(r, count); });
  }
};

struct pushed_while_taken : list_model<pushed_while_taken, 3> {
  void thread(unsigned who) {
    if (who == 0) {
      push(0);
      push(1);
    } else if (who == 1) {
      push(2);
    } else {
      take_all();
      take_all();
    }
  }
};

struct two_take : list_model<two_take, 3> {
  void thread(unsigned who) {
    if (who == 0) {
      push(0);
      push(1);
      push(2);
    } else {
      take_all();
    }
  }
};

/// Entries of one sender stay in order; take_all() says whether there was one.
struct in_order : list_model<in_order, 2> {
  void thread(unsigned who) {
    if (who == 0) {
      push(0);
      push(1);
      push(2);
      return;
    }
    const bool any = take_all();
    const auto& all = world->entries;
    RL_ASSERT(any == (all[0].taken == 1));
    RL_ASSERT(all[1].taken == 0 || all[0].order < all[1].order);
    RL_ASSERT(all[2].taken == 0 || all[1].order < all[2].order);
  }
};

/// An entry is sent again by the one who took it: the list may hold it again at once.
struct sent_again : list_model<sent_again, 2> {
  int rounds = 0;
  void before() {
    list_model::before();
    rounds = 0;
  }
  void thread(unsigned who) {
    if (who == 0) {
      push(0);
      push(1);
    } else {
      world->list.take_all([this](detail::runnable& r) {
        RL_ASSERT(static_cast<entry&>(r).written($) == 1);
        ++rounds;
        world->list.push(r);
      });
      push(2);
    }
  }
};

// --- inbox for threads outside ----------------------------------------------------------------------------------------

/// As the queue that ships, and as little: who enqueues publishes to who dequeues, and a consumer may find it empty while a
/// producer is between its two steps, even if another has finished after that one began.
class modelled_queue {
 public:
  bool enqueue(detail::runnable* r) {
    const int at = tail_.fetch_add(1, std::memory_order_relaxed);
    cells_[static_cast<std::size_t>(at)].store(r, std::memory_order_release);
    return true;
  }
  bool enqueue_bulk(detail::runnable* const* entries, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) enqueue(entries[i]);
    return true;
  }
  bool try_dequeue(detail::runnable*& r) {
    for (auto& cell : cells_) {
      r = cell.load(std::memory_order_relaxed);
      if (r != nullptr &&
          cell.compare_exchange_strong(r, nullptr, std::memory_order_acquire, std::memory_order_relaxed)) {
        return true;
      }
    }
    gyre_model_backoff();
    return false;
  }

 private:
  model_atomic<int> tail_{0};
  std::array<model_atomic<detail::runnable*>, 3> cells_{nullptr, nullptr, nullptr};
};

template <class Derived, int Threads>
struct inbox_model : rl::test_suite<Derived, Threads> {
  struct state {
    detail::basic_foreign_inbox<modelled_queue, model_atomics> inbox;
    std::array<entry, 3> entries;
  };
  std::unique_ptr<state> world;

  void before() { world = std::make_unique<state>(); }
  void after() {
    while (take()) {
    }
    for (const entry& each : world->entries) RL_ASSERT(each.taken == 1);
    world.reset();
  }
  void push(std::initializer_list<int> which) {
    std::array<detail::runnable*, 3> burst{};
    std::size_t n = 0;
    for (const int i : which) {
      entry& e = world->entries[static_cast<std::size_t>(i)];
      e.written($) = 1;
      burst[n++] = &e;
    }
    world->inbox.push(std::span(burst.data(), n));
  }
  bool take() {
    detail::runnable* r = world->inbox.take();
    int count = 0;
    if (r != nullptr) use(*r, count);
    return r != nullptr;
  }
};

/// Two senders, two takers: who sees the count finds an entry, and no entry is left behind.
struct two_senders : inbox_model<two_senders, 3> {
  void thread(unsigned who) {
    if (who == 0) {
      push({0});
    } else if (who == 1) {
      push({1, 2});
    } else {
      take();
      take();
    }
  }
};

struct two_takers : inbox_model<two_takers, 3> {
  void thread(unsigned who) {
    if (who == 0) {
      push({0});
      push({1, 2});
    } else {
      take();
    }
  }
};

/// A push while the loop falls asleep: either the loop sees it, or the sender sees the loop's mark.
struct pushed_while_falling_asleep : inbox_model<pushed_while_falling_asleep, 2> {
  struct sleeper {
    detail::basic_sleep_mark<model_atomics> mark;
    model_atomic<bool> bell{false};
  };
  std::unique_ptr<sleeper> loop;

  void before() {
    inbox_model::before();
    loop = std::make_unique<sleeper>();
  }
  void after() {
    push({1, 2});
    loop.reset();
    inbox_model::after();
  }
  void thread(unsigned who) {
    if (who != 0) {
      push({0});
      if (loop->mark.asleep()) loop->bell.store(true, std::memory_order_release);
      return;
    }
    if (loop->mark.fall_asleep([] {}, [this] { return world->inbox.empty(); })) {
      while (!loop->bell.load(std::memory_order_acquire)) gyre_model_backoff();
    }
    RL_ASSERT(take());
  }
};

// --- bell -------------------------------------------------------------------------------------------------------------

/// An io_context in short: handlers posted by anybody, run by whoever is inside its lock; run_one() blocks.
class modelled_context {
 public:
  void post() {
    RL_ASSERT(!bell_posted_);  // its memory is there once
    bell_posted_ = true;
    posted_.fetch_add(1, std::memory_order_acq_rel);
  }
  bool take() {
    int n = posted_.load(std::memory_order_acquire);
    while (n != 0 && !posted_.compare_exchange_strong(n, n - 1, std::memory_order_acq_rel, std::memory_order_acquire)) {
    }
    if (n != 0) bell_posted_ = false;
    return n != 0;
  }

 private:
  model_atomic<int> posted_{0};
  watched<bool> bell_posted_{false};
};

/// The owner waits once for what was announced before the ring; another worker polls the same io_context meanwhile.
template <class Derived, int Threads>
struct bell_model : rl::test_suite<Derived, Threads> {
  struct state {
    detail::basic_doorbell<model_atomics> bell;
    modelled_context context;
    detail::basic_spin_lock<model_atomics> inside;
    model_atomic<int> work{0};
  };
  std::unique_ptr<state> world;

  void before() { world = std::make_unique<state>(); }
  void after() { world.reset(); }

  void wake() {
    if (world->bell.ring()) world->context.post();
  }
  void announce_and_wake() {
    world->work.fetch_add(1, std::memory_order_seq_cst);
    wake();
  }
  void wait() {
    const std::lock_guard hold(world->inside);
    world->bell.wait([this] {
      while (!world->context.take()) gyre_model_backoff();
      world->bell.heard();
    });
  }
  void poll() {
    if (!world->inside.try_lock()) return;
    if (world->context.take()) world->bell.heard();
    world->inside.unlock();
  }
  void wait_for(int amount) {
    while (world->work.load(std::memory_order_acquire) < amount) wait();
  }
};

struct ring_against_wait : bell_model<ring_against_wait, 3> {
  /// What was heard inside a wait does not end the next one.
  void after() {
    bool waited = false;
    world->bell.wait([&waited] { waited = true; });
    RL_ASSERT(waited);
    bell_model::after();
  }
  void thread(unsigned who) {
    if (who == 0) {
      wait_for(2);
    } else {
      announce_and_wake();
    }
  }
};

/// The bell is taken by another worker just before the owner falls asleep.
struct stolen_bell : bell_model<stolen_bell, 3> {
  void thread(unsigned who) {
    if (who == 0) {
      wait_for(1);
    } else if (who == 1) {
      poll();
    } else {
      announce_and_wake();
    }
  }
};

/// Two rings, and polls between them.
struct rung_twice : bell_model<rung_twice, 3> {
  void thread(unsigned who) {
    if (who == 0) {
      wait_for(2);
    } else if (who == 1) {
      poll();
      poll();
    } else {
      announce_and_wake();
      announce_and_wake();
    }
  }
};

// --- short lock -------------------------------------------------------------------------------------------------------

struct lock_excludes : rl::test_suite<lock_excludes, 3> {
  struct state {
    detail::basic_spin_lock<model_atomics> lock;
    rl::var<int> guarded;
  };
  std::unique_ptr<state> world;
  int entered = 0;

  void before() {
    entered = 0;
    world = std::make_unique<state>();
    world->guarded($) = 0;
  }
  void after() {
    RL_ASSERT(world->guarded($) == entered && entered >= 2);
    world.reset();
  }
  void thread(unsigned who) {
    if (who == 0) {
      if (!world->lock.try_lock()) return;
      add();
      world->lock.unlock();
    } else {
      const std::lock_guard hold(world->lock);
      add();
    }
  }
  void add() {
    ++entered;
    world->guarded($) = world->guarded($) + 1;
  }
};

/// Who knows that somebody has begun to hold it, and finds it free, sees what was done under it.
struct lock_left : rl::test_suite<lock_left, 2> {
  struct state {
    detail::basic_spin_lock<model_atomics> lock;
    model_atomic<bool> begun{false};
    rl::var<int> guarded;
  };
  std::unique_ptr<state> world;

  void before() { world = std::make_unique<state>(); }
  void after() { world.reset(); }
  void thread(unsigned who) {
    if (who == 0) {
      const std::lock_guard hold(world->lock);
      world->begun.store(true, std::memory_order_release);
      world->guarded($) = 1;
    } else if (world->begun.load(std::memory_order_acquire) && !world->lock.is_held()) {
      RL_ASSERT(world->guarded($) == 1);
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run(
      argc, argv,
      {scenario<pushed_while_taken>("messages: pushed while the loop takes"), scenario<two_take>("messages: two take"),
       scenario<in_order>("messages: in order", 3), scenario<sent_again>("messages: sent again by who takes them", 3),
       scenario<two_senders>("inbox: two senders"), scenario<two_takers>("inbox: two takers"),
       scenario<pushed_while_falling_asleep>("inbox: a push while the loop falls asleep", 3),
       scenario<ring_against_wait>("bell: two rings against a wait"),
       scenario<stolen_bell>("bell: taken by another worker"), scenario<rung_twice>("bell: rung twice, polled twice"),
       scenario<lock_excludes>("lock: three threads"), scenario<lock_left>("lock: found free", 3)});
}
