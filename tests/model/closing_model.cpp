// SPDX-License-Identifier: BSL-1.0
// Model of wakers outside of a runtime against its end: a loop closes and destroys the frames of those who wait, while another
// thread releases, sets or looks. Nobody touches a frame or a task that went, and what is granted is run, dropped by the loop
// that closes, or the next one's.
#include <gyre/core/loop_identity.hpp>
#include <gyre/sync/handing_over.hpp>

#include <array>
#include <memory>

#include "model_task.hpp"

void gyre::detail::backoff::once() noexcept { gyre_model_backoff(); }

namespace {

using namespace gyre_model;
namespace detail = gyre::detail;

class waiting_task;

/// A loop that does not run. What it is sent lies in its inbox until it closes.
class closing_home {
 public:
  using identity_type = detail::basic_loop_identity<closing_home, model_policy>;

  closing_home() { identity_.begin_era(*this); }

  /// As home's, on a thread of no loop.
  [[nodiscard]] bool begin_wake() { return identity_.try_enter(identity_.era()); }
  void end_wake() { identity_.leave(); }
  void enqueue(waiting_task& t);

  /// As loop_core::drop_entries().
  void shut();
  /// As ~loop_core().
  void end() {
    identity_.end_era();
    alive_ = false;
  }

 private:
  identity_type identity_;
  model_lock guard_;
  detail::intrusive_list<waiting_task> inbox_;
  model_var<bool> alive_{true};
};

class waiting_task : public detail::list_link<> {
 public:
  using word = detail::basic_task_state<model_policy>;

  explicit waiting_task(closing_home& home) : state(detail::task_bits::running), home_(&home) {}

  [[nodiscard]] closing_home& at() const {
    check_alive();
    return *home_;
  }
  [[nodiscard]] bool park_or_yield() { return state.park_leaf(); }
  void leave(bool) const { check_alive(); }
  void check_alive() const { RL_ASSERT(alive_); }
  void note_end() { alive_ = false; }

  word state;
  model_var<int> resume_point{0};

 private:
  closing_home* home_;
  model_var<bool> alive_{true};
};

void closing_home::enqueue(waiting_task& t) {
  RL_ASSERT(alive_);
  const detail::basic_loop_visit inside(identity_, identity_.era());
  if (!inside.admitted()) return;
  const std::lock_guard hold(guard_);
  inbox_.push_back(t);
}

void closing_home::shut() {
  identity_.shut();
  const std::lock_guard hold(guard_);
  while (!inbox_.empty()) inbox_.pop_front();
}

using node = detail::basic_wait_node<waiting_task, model_policy>;

/// Two tasks wait, of one loop or of one each; thread 0 closes the first loop, and with it the first task or both.
template <class Derived, class Primitive, int Threads = 2>
struct closing_model : rl::test_suite<Derived, Threads> {
  struct state {
    Primitive primitive;
    std::array<closing_home, 2> homes;
    std::array<waiting_task, 2> tasks{waiting_task(homes[0]), waiting_task(homes[Derived::one_loop ? 0 : 1])};
    std::array<std::unique_ptr<node>, 2> nodes;
  };
  std::unique_ptr<state> world;
  std::array<bool, 2> destroyed{};

  void before() {
    destroyed = {};
    world = std::make_unique<state>();
    for (std::size_t i = 0; i < 2; ++i) {
      world->nodes[i] = std::make_unique<node>();
      Derived::wait(world->primitive, *world->nodes[i], world->tasks[i]);
    }
  }
  void after() {
    world->homes[1].shut();
    if (!destroyed[1]) destroy(1);
    RL_ASSERT(Derived::unused(world->primitive));
    world.reset();
  }
  /// As own_task::abandon(), and the awaiters' destructors.
  void destroy(std::size_t i) {
    waiting_task& t = world->tasks[i];
    static_cast<void>(t.state.claim());
    static_cast<void>(t.state.finish());
    RL_ASSERT(!t.linked());
    node& n = *world->nodes[i];
    if (n.in_wait) Derived::forget(world->primitive, n);
    n.granted = false;  // whoever else still looks at it races with this
    t.note_end();
    destroyed[i] = true;
  }
  void close() {
    world->homes[0].shut();
    if (Derived::one_loop) destroy(1);
    destroy(0);
    world->homes[0].end();
  }
};

using permits = detail::basic_permits<waiting_task, model_policy>;

struct on_permits {
  static void wait(permits& p, node& n, waiting_task& t) { RL_ASSERT(p.wait(n, t, 1)); }
  static void forget(permits& p, node& n) { p.forget(n); }
  static bool unused(const permits& p) { return p.unused(); }
};

struct closing_permits : permits {
  closing_permits() : permits(0) {}
};

/// A permit comes from outside while the loop of the first waiter closes: it goes to that one in time, or to the second.
struct permit_against_close : closing_model<permit_against_close, closing_permits>, on_permits {
  static constexpr bool one_loop = false;
  void thread(unsigned who) {
    if (who == 0) {
      close();
    } else {
      RL_ASSERT(world->primitive.release_below(9));
      RL_ASSERT(world->primitive.locked());  // it was given away: the second one lives
    }
  }
};

/// A permit comes from outside, for the second one if it is in time: the first one's wait was ended by a cancel. And a look.
struct cancelled_against_close : closing_model<cancelled_against_close, closing_permits>, on_permits {
  static constexpr bool one_loop = true;
  void before() {
    closing_model::before();
    RL_ASSERT(world->tasks[0].state.request_cancel() == waiting_task::word::cancel_step::claimed);
  }
  void thread(unsigned who) {
    if (who == 0) {
      close();
    } else {
      RL_ASSERT(world->primitive.release_below(9));
      static_cast<void>(world->primitive.locked());
    }
  }
};

/// set() from outside, for all of a loop that closes.
struct flag_against_close : closing_model<flag_against_close, detail::basic_flag<waiting_task, model_policy>> {
  using flag = detail::basic_flag<waiting_task, model_policy>;
  static constexpr bool one_loop = true;
  static void wait(flag& f, node& n, waiting_task& t) { RL_ASSERT(f.wait(n, t, 1)); }
  static void forget(flag& f, node& n) { f.leave(n); }
  static bool unused(const flag& f) { return f.unused(); }
  void thread(unsigned who) {
    if (who == 0) {
      close();
    } else {
      world->primitive.set();
    }
  }
};

/// What queues do: who is granted to leaves the list at once. Items come from outside, one for each getter.
struct popping_list {
  model_lock guard;
  detail::basic_wait_queue<waiting_task, model_policy> waiters;
};

struct pop_against_close : closing_model<pop_against_close, popping_list> {
  static constexpr bool one_loop = true;
  static void wait(popping_list& l, node& n, waiting_task& t) {
    std::unique_lock hold(l.guard);
    wait_in(l.waiters, n, hold, t, 1);
  }
  static void forget(popping_list& l, node& n) {
    const std::lock_guard hold(l.guard);
    l.waiters.remove(n);
  }
  static bool unused(const popping_list& l) { return l.waiters.empty(); }
  void thread(unsigned who) {
    if (who == 0) {
      close();
    } else {
      detail::basic_wake_list<waiting_task> woken;
      const std::lock_guard hold(world->primitive.guard);
      while (world->primitive.waiters.pop_and_grant(woken)) {
      }
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv,
             {scenario<permit_against_close>("closing: a permit from outside"),
              scenario<cancelled_against_close>("closing: a permit and a cancelled waiter"),
              scenario<flag_against_close>("closing: a flag set from outside"),
              scenario<pop_against_close>("closing: items from outside")});
}
