// SPDX-License-Identifier: BSL-1.0
// Model of falling asleep: whatever is queued while a worker falls asleep, some worker runs it. Idle word, sleep mark, list
// of messages and deque are those that ship; the way from one to the other is loop_core's and runtime_core's in short.
#include "loop/message_list.hpp"
#include "loop/sleep_mark.hpp"
#include "runtime/parking.hpp"

#include <array>
#include <memory>

#include "model.hpp"

void gyre::detail::backoff::once() noexcept { gyre_model_backoff(); }
void gyre::detail::assert_failed(const char*, const char* what, std::source_location) noexcept {
  gyre_model::broken_invariant(what);
}

namespace {

using namespace gyre_model;
namespace detail = gyre::detail;

struct entry : detail::runnable {
  entry() : runnable([](runnable&, fate) noexcept {}) {}
  rl::var<int> written;
};

/// As weak as the deque where that is pushed to: a store with release, no read-modify-write.
class ready_queue {
 public:
  void push(entry& e) {
    const int b = bottom_.load(std::memory_order_relaxed);
    cells_[static_cast<std::size_t>(b)] = &e;
    bottom_.store(b + 1, std::memory_order_release);
  }
  [[nodiscard]] bool empty() const {
    return top_.load(std::memory_order_seq_cst) >= bottom_.load(std::memory_order_seq_cst);
  }
  entry* take() {
    int t = top_.load(std::memory_order_relaxed);
    do {
      if (t >= bottom_.load(std::memory_order_acquire)) return nullptr;
    } while (!top_.compare_exchange_strong(t, t + 1, std::memory_order_seq_cst, std::memory_order_relaxed));
    return cells_[static_cast<std::size_t>(t)];
  }

 private:
  model_atomic<int> top_{0};
  model_atomic<int> bottom_{0};
  std::array<entry*, 2> cells_{};
};

struct worker {
  detail::basic_sleep_mark<model_atomics> mark;
  detail::basic_message_list<model_atomics> messages_in;  // for this worker alone
  detail::basic_message_list<model_atomics> tasks_in;     // for anybody
  ready_queue ready;                                      // likewise, pushed by itself
  model_atomic<bool> stop_requested{false};
  watched<bool> searching{false};
  model_atomic<bool> timer_armed{false};  // what timer_heap::arm() publishes
  model_atomic<bool> bell{false};         // what parker::wake() leaves behind

  void wake() { bell.store(true, std::memory_order_release); }
  void wake_if_sleeping() {
    if (mark.asleep()) wake();
  }
};

/// What is queued in a model, so that the others need not look at the rest.
enum class source { ready, tasks_in, messages_in, timer, none };

/// Thread i is worker i; threads without a worker are outside.
template <class Derived, int Threads, int Workers, source From>
struct parking_model : rl::test_suite<Derived, Threads> {
  using parking = detail::basic_parking<worker, model_atomics>;
  struct state {
    barrier_word barrier;
    parking idle{Workers};
    std::array<worker, Workers> workers;
    std::array<entry, 2> entries;
  };
  std::unique_ptr<state> world;
  int taken = 0;

  void before() {
    taken = 0;
    world = std::make_unique<state>();
  }
  void after() { world.reset(); }

  worker& at(unsigned i) { return world->workers[i]; }
  entry& written(int i) {
    entry& e = world->entries[static_cast<std::size_t>(i)];
    e.written($) = 1;
    return e;
  }

  void work_added() {
    if (worker* l = world->idle.take_sleeper(); l != nullptr) l->wake();
  }
  /// As loop_core::push_ready.
  void push_ready(worker& l, int i) {
    l.ready.push(written(i));
    if (detail::idle_bits::wants_work_after_push<model_atomics>(world->idle.word())) work_added();
  }
  void use(detail::runnable& r) {
    RL_ASSERT(static_cast<entry&>(r).written($) == 1);
    ++taken;
  }
  /// As runtime_core::found_work. Worker 0, which never comes back, is the only one that has work.
  void found_work(worker& l) {
    if (!l.searching) return;
    const auto look = world->idle.found_work(l);
    const bool inboxes = look != parking::look::none;
    const bool pushed = look == parking::look::everything;
    if (From == source::ready ? pushed && anything_to_steal() : inboxes && anything_to_steal()) work_added();
  }
  [[nodiscard]] bool anything_to_steal() {
    if (From == source::ready) return !at(0).ready.empty();
    return From == source::tasks_in && !at(0).tasks_in.empty();
  }
  /// What is here, or what worker 0 has and does not come to.
  bool turn(worker& l) {
    const auto each = [this](detail::runnable& r) { use(r); };
    bool any = false;
    if (From == source::messages_in) any = l.messages_in.take_all(each);
    if (From == source::tasks_in) any = at(0).tasks_in.take_all(each);
    if (From == source::ready) {
      if (entry* e = at(0).ready.take(); e != nullptr) {
        use(*e);
        any = true;
      }
    }
    if (any) found_work(l);
    return any;
  }
  bool nothing_to_do(const worker& l) {
    if (From == source::messages_in) return l.messages_in.empty();
    if (From == source::timer) return !l.timer_armed.load(std::memory_order_acquire);
    return !l.mark.raised(l.stop_requested) && !anything_to_steal();
  }
  static void await_bell(worker& l) {
    while (!l.bell.load(std::memory_order_acquire)) gyre_model_backoff();
    l.bell.store(false, std::memory_order_relaxed);
  }
  /// As loop_core::park.
  void park(worker& l) {
    const bool asleep = l.mark.fall_asleep([&] { world->idle.sleep(l); }, [&] { return nothing_to_do(l); });
    if (asleep) await_bell(l);
    l.mark.wake_up();
    world->idle.awake(l, !asleep && anything_to_steal());
  }
  void work_until_one_is_done(worker& l) {
    while (!turn(l)) park(l);
  }
  /// It was put to sleep before.
  void work_when_woken(worker& l) {
    await_bell(l);
    world->idle.awake(l, false);
    work_until_one_is_done(l);
  }
};

/// Worker 0 queues one and goes on with something long; worker 1 falls asleep at that moment.
struct own_push : parking_model<own_push, 2, 2, source::ready> {
  void thread(unsigned who) {
    if (who == 0) {
      push_ready(at(0), 0);
    } else {
      work_until_one_is_done(at(1));
    }
  }
};

/// The same while worker 1 counts as a searcher, so that worker 0 wakes nobody.
struct against_a_searcher : parking_model<against_a_searcher, 2, 2, source::ready> {
  void before() {
    parking_model::before();
    world->idle.sleep(at(1));
    RL_ASSERT(world->idle.take_sleeper() == &at(1));
  }
  void thread(unsigned who) {
    if (who == 0) {
      push_ready(at(0), 0);
    } else {
      work_until_one_is_done(at(1));
    }
  }
};

/// Two tasks queued by worker 0, which never comes back: both others get one each, whoever is told.
struct spreads : parking_model<spreads, 3, 3, source::ready> {
  void thread(unsigned who) {
    if (who == 0) {
      push_ready(at(0), 0);
      push_ready(at(0), 1);
    } else {
      work_until_one_is_done(at(who));
    }
  }
  void after() {
    RL_ASSERT(taken == 2);
    parking_model::after();
  }
};

/// One worker asleep, the other one looks for work while two tasks come: the searcher that finds the first wakes the sleeper.
struct searcher_hands_on : parking_model<searcher_hands_on, 3, 3, source::ready> {
  void before() {
    parking_model::before();
    world->idle.sleep(at(1));
    world->idle.sleep(at(2));
    RL_ASSERT(world->idle.take_sleeper() == &at(2));
  }
  void thread(unsigned who) {
    if (who == 0) {
      push_ready(at(0), 0);
      push_ready(at(0), 1);
    } else if (who == 1) {  // it sleeps already
      work_when_woken(at(1));
    } else {
      work_until_one_is_done(at(2));
    }
  }
};

/// One worker asleep, the other one awake begins to look for work while two tasks come.
struct looks_around : parking_model<looks_around, 3, 3, source::ready> {
  void before() {
    parking_model::before();
    world->idle.sleep(at(1));
  }
  void thread(unsigned who) {
    if (who == 0) {
      push_ready(at(0), 0);
      push_ready(at(0), 1);
    } else if (who == 1) {  // it sleeps already
      work_when_woken(at(1));
    } else {
      static_cast<void>(world->idle.begin_search(at(2)));
      work_until_one_is_done(at(2));
    }
  }
};

/// A message for one loop, from any thread.
struct message : parking_model<message, 2, 1, source::messages_in> {
  void thread(unsigned who) {
    if (who == 0) {
      work_until_one_is_done(at(0));
    } else {
      at(0).messages_in.push(written(0));  // W1
      at(0).wake_if_sleeping();            // W2
    }
  }
};

/// A request to stop.
struct stop : parking_model<stop, 2, 1, source::none> {
  void thread(unsigned who) {
    if (who == 0) {
      while (!at(0).stop_requested.load(std::memory_order_acquire)) park(at(0));
    } else {
      if (at(0).mark.raise(at(0).stop_requested)) at(0).wake();
    }
  }
};

/// A timer that another worker arms: a plain store, and the barriers.
struct timer : parking_model<timer, 2, 2, source::timer> {
  void thread(unsigned who) {
    if (who == 0) {
      while (!at(0).timer_armed.load(std::memory_order_acquire)) park(at(0));
    } else {
      at(0).timer_armed.store(true, std::memory_order_release);
      if (at(0).mark.asleep_after_store()) at(0).wake();
    }
  }
};

/// A task that is woken from outside at a loop that computes or sleeps: another loop runs it.
struct woken_at_busy_loop : parking_model<woken_at_busy_loop, 3, 2, source::tasks_in> {
  void thread(unsigned who) {
    if (who == 1) {
      work_until_one_is_done(at(1));
    } else if (who == 2) {
      at(0).tasks_in.push(written(0));
      if (detail::idle_bits::wants_work_after_message<model_atomics>(world->idle.word())) work_added();
    }
  }
};

/// Two messages from outside; one worker looks around and goes on with something long when it has found any, one is asleep.
struct messages_spread : parking_model<messages_spread, 3, 3, source::tasks_in> {
  void before() {
    parking_model::before();
    world->idle.sleep(at(1));
    RL_ASSERT(world->idle.begin_search(at(2)));
  }
  void thread(unsigned who) {
    if (who == 0) {
      for (int i = 0; i < 2; ++i) {
        at(0).tasks_in.push(written(i));
        if (detail::idle_bits::wants_work_after_message<model_atomics>(world->idle.word())) work_added();
      }
      return;
    }
    if (who == 1) {  // it sleeps already, and is woken only if there is something left for it
      while (taken < 2 && !at(1).bell.load(std::memory_order_acquire)) gyre_model_backoff();
    }
    while (taken < 2 && !turn(at(who))) gyre_model_backoff();
  }
  void after() {
    RL_ASSERT(taken == 2);
    parking_model::after();
  }
};

/// A worker that wakes by itself while another wakes it: it leaves the stack once, and the counts add up.
struct wakes_by_itself : parking_model<wakes_by_itself, 2, 2, source::none> {
  void thread(unsigned who) {
    if (who == 0) {
      if (worker* l = world->idle.take_sleeper(); l != nullptr) {
        RL_ASSERT(l == &at(1));
        l->wake();
      }
    } else {
      for (int i = 0; i < 2; ++i) {
        const bool asleep = at(1).mark.fall_asleep([&] { world->idle.sleep(at(1)); }, [] { return true; });
        RL_ASSERT(asleep);
        at(1).mark.wake_up();
        world->idle.awake(at(1), false);
      }
    }
  }
  void after() {
    const worker* const searcher = at(1).searching ? &at(1) : nullptr;
    RL_ASSERT(world->idle.any_sleeper() == nullptr);
    const std::uint64_t word = world->idle.word().load(std::memory_order_relaxed);
    RL_ASSERT(word == 2 * detail::idle_bits::one_unparked +
                          (searcher != nullptr ? detail::idle_bits::one_searching : std::uint64_t{0}));
    parking_model::after();
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv,
             {scenario<own_push>("parking: a push against a worker that falls asleep"),
              scenario<against_a_searcher>("parking: a push against a searcher that gives up"),
              scenario<spreads>("parking: two tasks, two workers"),
              scenario<searcher_hands_on>("parking: the searcher that found work wakes the next"),
              scenario<looks_around>("parking: a worker that looks around against two pushes"),
              scenario<message>("parking: a message", 3), scenario<stop>("parking: a request to stop", 3),
              scenario<timer>("parking: a timer from another worker", 3),
              scenario<woken_at_busy_loop>("parking: a wake at a loop that is busy"),
              scenario<messages_spread>("parking: two messages against a worker that looks around"),
              scenario<wakes_by_itself>("parking: a worker that wakes by itself")});
}
