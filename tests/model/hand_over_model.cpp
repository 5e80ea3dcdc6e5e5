// SPDX-License-Identifier: BSL-1.0
// Model of semaphore, lock, event and queue: grants against cancels of the first waiter and against a second one. Permits and
// items are conserved, and nobody waits while there is something for him.
#include <gyre/sync/handing_over.hpp>

#include <array>
#include <memory>

#include "model_task.hpp"

void gyre::detail::backoff::once() noexcept { gyre_model_backoff(); }

namespace {

using namespace gyre_model;
namespace detail = gyre::detail;

using node = detail::basic_wait_node<model_task, model_policy>;
using step = model_task::word::cancel_step;

/// As task_core::cancel() for waits that no future ends.
void cancel(model_task& t) {
  const step outcome = t.state.request_cancel();
  if (outcome == step::claimed) t.enqueue(t);
}

template <class Derived, int Threads, class Primitive, int Tasks = 2>
struct hand_over_model : rl::test_suite<Derived, Threads> {
  std::unique_ptr<Primitive> primitive;
  std::array<std::unique_ptr<model_task>, Tasks> tasks;
  std::array<std::unique_ptr<node>, Tasks> nodes;
  rl::var<int> shared;  // what the lock or the only permit guards

  void before() {
    if constexpr (std::is_constructible_v<Primitive, int>) {
      primitive = std::make_unique<Primitive>(Derived::at_first);
    } else {
      primitive = std::make_unique<Primitive>();
    }
    for (auto& t : tasks) t = std::make_unique<model_task>();
    for (auto& n : nodes) n = std::make_unique<node>();
    shared($) = 0;
  }
  void after() {
    RL_ASSERT(primitive->unused());
    for (auto& n : nodes) n.reset();
    for (auto& t : tasks) t.reset();
    primitive.reset();
  }
  model_task& task(unsigned i) { return *tasks[i]; }

  /// As the awaiters of lib/sync. False: it was cancelled.
  bool acquire(unsigned i) {
    if (primitive->try_acquire()) return true;
    return !primitive->wait(*nodes[i], task(i), 1) || resume(i);
  }
  bool resume(unsigned i) {
    task(i).next_step();
    const bool cancelled = task(i).state.take_cancel();
    primitive->resume(*nodes[i], cancelled);
    return !cancelled;
  }
  /// For before(): the tasks wait already, in this order.
  void all_wait() {
    for (unsigned i = 0; i < Tasks; ++i) RL_ASSERT(primitive->wait(*nodes[i], task(i), 1));
  }
  void use_alone() {
    const int before = shared($);
    shared($) = before + 1;
  }
};

using permits = detail::basic_permits<model_task, model_policy>;

/// As holder_note: to write it without the guard is a data race.
class noted_holder {
 public:
  void taken() { holders_ = 1; }
  void freed() { holders_ = 0; }
  [[nodiscard]] bool known() const { return holders_ == 1; }

 private:
  model_var<int> holders_{0};
};
using turns = detail::basic_turns<model_task, model_policy, noted_holder>;

/// As lock::release().
void release(turns& held) {
  RL_ASSERT(held.holder().known());
  if (held.release_alone()) return;
  turns::wake_list woken;
  RL_ASSERT(held.release_to_waiter(woken));
}
using flag = detail::basic_flag<model_task, model_policy>;

/// As semaphore::release().
void release(permits& some) {
  constexpr std::ptrdiff_t more_than_all = 9;
  RL_ASSERT(some.release_below(more_than_all));
}

/// A permit is given back while the first of two waiters is cancelled, and the second one goes on. In the end it is there.
struct permit_against_cancel : hand_over_model<permit_against_cancel, 3, permits> {
  static constexpr int at_first = 0;
  void before() {
    hand_over_model::before();
    all_wait();
  }
  void use(bool got) {
    if (!got) return;
    use_alone();
    release(*primitive);
  }
  void thread(unsigned who) {
    if (who == 0) {
      use(resume(0));
    } else if (who == 1) {
      cancel(task(0));
      use(resume(1));
    } else {
      release(*primitive);
    }
  }
  void after() {
    const auto now = primitive->show();
    RL_ASSERT(now.value == 1 && now.waiters == 0 && !now.locked);
    hand_over_model::after();
  }
};

/// A task begins to wait while the permit comes, and another one cancels it.
struct permit_at_arrival : hand_over_model<permit_at_arrival, 3, permits, 1> {
  static constexpr int at_first = 0;
  bool got = false;
  void thread(unsigned who) {
    if (who == 0) {
      got = acquire(0);
      if (got) RL_ASSERT(shared($) == 1);
    } else if (who == 1) {
      shared($) = 1;
      release(*primitive);
    } else {
      cancel(task(0));
    }
  }
  void after() {
    RL_ASSERT(primitive->show().value == (got ? 0 : 1));
    hand_over_model::after();
  }
};

/// The same without the cancel: nobody parks after the last permit has come.
struct permit_meets_arrival : hand_over_model<permit_meets_arrival, 2, permits, 1> {
  static constexpr int at_first = 0;
  void thread(unsigned who) {
    if (who == 0) {
      RL_ASSERT(acquire(0));
    } else {
      release(*primitive);
    }
  }
};

/// Two permits come for two waiters while the first one is cancelled: the second one is not left behind.
struct two_permits : hand_over_model<two_permits, 3, permits> {
  static constexpr int at_first = 0;
  bool first = false;
  void before() {
    hand_over_model::before();
    all_wait();
  }
  void thread(unsigned who) {
    if (who == 0) {
      first = resume(0);
    } else if (who == 1) {
      cancel(task(0));
      RL_ASSERT(resume(1));
    } else {
      release(*primitive);
      release(*primitive);
    }
  }
  void after() {
    RL_ASSERT(primitive->show().value == (first ? 0 : 1));
    hand_over_model::after();
  }
};

/// The bound holds, whatever races.
struct bounded : hand_over_model<bounded, 3, detail::basic_permits<model_task, model_policy>, 1> {
  static constexpr int at_first = 1;
  int accepted = 0;
  void before() {
    accepted = 0;
    hand_over_model::before();
  }
  void thread(unsigned who) {
    if (who == 0) {
      RL_ASSERT(acquire(0));
    } else if (primitive->release_below(1)) {
      ++accepted;
    }
  }
  void after() {
    RL_ASSERT(accepted <= 1 && primitive->show().value == accepted);
    hand_over_model::after();
  }
};

/// The holder lets go while the first of two waiters is cancelled.
struct turn_against_cancel : hand_over_model<turn_against_cancel, 3, turns> {
  void before() {
    hand_over_model::before();
    RL_ASSERT(primitive->try_acquire());
    all_wait();
  }
  void release() {
    use_alone();
    ::release(*primitive);
  }
  void thread(unsigned who) {
    if (who == 0) {
      if (resume(0)) release();
    } else if (who == 1) {
      cancel(task(0));
      RL_ASSERT(resume(1));
      release();
    } else {
      release();
    }
  }
  void after() {
    RL_ASSERT(!primitive->show().locked);
    hand_over_model::after();
  }
};

/// Whoever asks gets a turn, and is alone in it.
struct three_turns : hand_over_model<three_turns, 3, turns, 3> {
  void thread(unsigned who) {
    RL_ASSERT(acquire(who));
    use_alone();
    if (who == 0) {  // as a condition's wait
      turns::wake_list woken;
      RL_ASSERT(primitive->try_release(woken));
    } else {
      release(*primitive);
    }
  }
  void after() {
    RL_ASSERT(shared($) == 3);
    hand_over_model::after();
  }
};

/// set() against one who begins to wait and one who waits and is cancelled: both go on, and see what was written before.
struct flag_set : hand_over_model<flag_set, 3, flag> {
  void before() {
    hand_over_model::before();
    RL_ASSERT(primitive->wait(*nodes[0], task(0), 1));
  }
  void resume_in(unsigned i) {
    task(i).next_step();
    primitive->leave(*nodes[i]);
    const bool cancelled = task(i).state.take_cancel();
    RL_ASSERT(!cancelled || i == 0);
    if (!cancelled) RL_ASSERT(shared($) == 1);
  }
  void thread(unsigned who) {
    if (who == 0) {
      resume_in(0);
    } else if (who == 1) {
      const bool waits = !primitive->is_set() && primitive->wait(*nodes[1], task(1), 1);
      cancel(task(0));
      if (waits) resume_in(1);
      RL_ASSERT(shared($) == 1);
    } else {
      shared($) = 1;
      primitive->set();
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run(
      argc, argv,
      {scenario<permit_against_cancel>("hand over: a permit against a cancel of the first waiter"),
       scenario<permit_at_arrival>("hand over: a permit, a cancel and a waiter that arrives"),
       scenario<permit_meets_arrival>("hand over: a permit and a waiter that arrives"),
       scenario<two_permits>("hand over: two permits, two waiters, a cancel"),
       scenario<bounded>("hand over: a bounded semaphore"),
       scenario<turn_against_cancel>("hand over: a turn against a cancel of the first waiter"),
       scenario<three_turns>("hand over: three turns"), scenario<flag_set>("hand over: a flag against a cancel")});
}
