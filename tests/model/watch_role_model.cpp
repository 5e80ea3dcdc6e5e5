// SPDX-License-Identifier: BSL-1.0
// Models of who looks after stuck workers, and of the end of a runtime's workers.
#include "loop/sleep_mark.hpp"
#include "runtime/watch_role.hpp"
#include "runtime/worker_end.hpp"

#include <array>
#include <memory>

#include "model.hpp"

void gyre::detail::backoff::once() noexcept { gyre_model_backoff(); }

namespace {

using namespace gyre_model;
namespace detail = gyre::detail;

// --- the role ---------------------------------------------------------------------------------------------------------

struct worker {
  detail::basic_sleep_mark<model_atomics> mark;
  model_atomic<bool> alarm{false};
  model_atomic<bool> listed{false};  // among the sleepers

  [[nodiscard]] bool sleeping() const noexcept { return mark.asleep(); }
};

template <class Derived, int Threads>
struct role_model : rl::test_suite<Derived, Threads> {
  struct state {
    detail::basic_watch_role<worker, model_atomics> role;
    std::array<worker, 2> workers;
    rl::var<int> samples;  // only who has the role touches them
  };
  std::unique_ptr<state> world;

  void before() {
    world = std::make_unique<state>();
    world->samples($) = 0;
  }
  void after() {
    for (worker& each : world->workers) RL_ASSERT(!world->role.held_by(each) || each.sleeping());
    world.reset();
  }
  worker& at(unsigned i) { return world->workers[i]; }

  /// As loop_core::prepare_park and runtime_core::about_to_sleep.
  void fall_asleep(worker& l, bool others_awake) {
    const bool asleep = l.mark.fall_asleep(
        [&] {
          l.listed.store(true, std::memory_order_release);
          if (others_awake && world->role.take(l)) touch_samples();
        },
        [] { return true; });
    RL_ASSERT(asleep);
  }
  /// As loop_core::park, after its sleep.
  void wake_up(worker& l) {
    if (world->role.held_by(l)) touch_samples();
    l.mark.wake_up();
    l.listed.store(false, std::memory_order_release);
    world->role.give_up(l);
  }
  /// As runtime_core::starts_work.
  void starts_work() {
    world->role.assign(
        [this]() -> worker* {
          for (worker& each : world->workers) {
            if (each.listed.load(std::memory_order_acquire)) return &each;
          }
          return nullptr;
        },
        [](worker& chosen) { chosen.alarm.store(true, std::memory_order_release); });
  }
  void touch_samples() { world->samples($) = world->samples($) + 1; }
};

/// A worker is given the role while it wakes up: it must not keep it.
struct given_while_waking : role_model<given_while_waking, 2> {
  void before() {
    role_model::before();
    fall_asleep(at(0), false);
  }
  void thread(unsigned who) {
    if (who == 0) {
      wake_up(at(0));
    } else {
      starts_work();
    }
  }
};

/// The same, and it falls asleep again: then it may have the role, with its alarm set or by its own taking.
struct given_while_dozing : role_model<given_while_dozing, 2> {
  void before() {
    role_model::before();
    fall_asleep(at(0), false);
  }
  void thread(unsigned who) {
    if (who == 0) {
      wake_up(at(0));
      fall_asleep(at(0), false);
    } else {
      starts_work();
    }
  }
  void after() {
    RL_ASSERT(!world->role.held_by(at(0)) || at(0).alarm.load(std::memory_order_relaxed));
    role_model::after();
  }
};

/// Two workers fall asleep and wake up while a third starts work: the samples have one user at a time.
struct one_at_a_time : role_model<one_at_a_time, 3> {
  void thread(unsigned who) {
    if (who == 2) {
      starts_work();
    } else {
      fall_asleep(at(who), true);
      wake_up(at(who));
    }
  }
};

/// A sleeper and somebody who starts work: afterwards somebody watches, if the sleeper was there to be found.
struct somebody_watches : role_model<somebody_watches, 2> {
  void before() {
    role_model::before();
    fall_asleep(at(1), false);  // it stays asleep
  }
  void thread(unsigned who) {
    if (who == 0) {
      fall_asleep(at(0), true);
      wake_up(at(0));
      starts_work();  // its first step after the sleep
    } else {
      starts_work();
    }
  }
  void after() {
    RL_ASSERT(world->role.held_by(at(1)) && at(1).alarm.load(std::memory_order_relaxed));
    role_model::after();
  }
};

// --- the end of the workers -------------------------------------------------------------------------------------------

/// Relacy takes the stores to a variable in the order in which they are executed. Outside the single order the language lets
/// one come after later loads of its thread, and hide what others store in between: so does this one.
template <class T>
class late_atomic {
 public:
  late_atomic(T value) : inner_(value) {}  // NOLINT: as std::atomic

  T load(std::memory_order o) const {
    settle();
    return inner_.load(o);
  }
  void store(T value, std::memory_order o) {
    settle();
    inner_.store(value, o);
  }
  T exchange(T value, std::memory_order o) {
    settle();
    if (o == std::memory_order_seq_cst || rl::rand(2) == 0) return inner_.exchange(value, o);
    late_ = value;
    waits_ = true;
    by_ = me();
    return inner_.load(o == std::memory_order_relaxed ? o : std::memory_order_acquire);
  }

 private:
  // A thread sees its own store.
  void settle() const {
    if (!waits_ || by_ != me()) return;
    waits_ = false;
    inner_.store(late_, std::memory_order_release);
  }
  static unsigned me() { return static_cast<unsigned>(rl::ctx().threadx_->index_); }

  mutable model_atomic<T> inner_;
  T late_{};
  unsigned by_ = 0;
  mutable bool waits_ = false;  // the exchange of thread `by_`: the only one that is late
};

struct ended_loop {
  late_atomic<bool> stop_requested{false};
  detail::basic_sleep_mark<model_atomics> mark;
  model_atomic<bool> bell{false};
  rl::var<int> prepared;  // by who ends the runtime
  int runs = 0;

  /// As loop_core::run with nothing to do.
  void run() {
    ++runs;
    while (!stop_requested.load(std::memory_order_acquire)) {
      const bool asleep = mark.fall_asleep([] {}, [this] { return !mark.raised(stop_requested); });
      if (asleep) {
        while (!bell.load(std::memory_order_acquire)) gyre_model_backoff();
        bell.store(false, std::memory_order_relaxed);
      }
      mark.wake_up();
    }
  }
  void request_stop() {
    if (mark.raise(stop_requested)) bell.store(true, std::memory_order_release);
  }
};

template <class Derived, int Threads>
struct end_model : rl::test_suite<Derived, Threads> {
  struct state {
    detail::basic_worker_end<model_atomics> end;
    ended_loop loop;
  };
  std::unique_ptr<state> world;

  void before() { world = std::make_unique<state>(); }
  void after() { world.reset(); }
  void work() {
    world->end.run_until_then(world->loop);
    RL_ASSERT(world->loop.prepared($) == 1);
  }
  void end() {
    world->loop.prepared($) = 1;
    world->end.announce();
    world->loop.request_stop();
  }
};

/// The worker ends, whenever the end comes.
struct worker_ends : end_model<worker_ends, 2> {
  void thread(unsigned who) {
    if (who == 0) {
      work();
    } else {
      end();
    }
  }
};

/// The same while somebody stops the loop, as event_loop::stop() does: that ends no worker, and hides no end.
struct ends_while_stopped : end_model<ends_while_stopped, 3> {
  void thread(unsigned who) {
    if (who == 0) {
      work();
    } else if (who == 1) {
      world->loop.request_stop();
    } else {
      end();
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run(
      argc, argv,
      {scenario<given_while_waking>("watch role: given while waking", 3),
       scenario<given_while_dozing>("watch role: given while dozing", 3),
       scenario<one_at_a_time>("watch role: one at a time"),
       scenario<somebody_watches>("watch role: somebody watches", 3), scenario<worker_ends>("worker end: it ends", 3),
       scenario<ends_while_stopped>("worker end: while somebody stops the loop")});
}
