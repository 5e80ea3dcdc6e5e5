// SPDX-License-Identifier: BSL-1.0
// Model of scopes that cancel their own task: a request that comes too late ends no later wait, and takes nobody else's
// request with it.
#include <gyre/flow/detail/time_limit.hpp>

#include <array>
#include <memory>

#include "model_task.hpp"

void gyre::detail::backoff::once() noexcept { gyre_model_backoff(); }

namespace {

using namespace gyre_model;
using bits = model_task::bits;

struct limited_task : model_task {
  bool cancel(std::string_view, bits::word who = bits::cancel_requested) {
    if (state.request_cancel(who) == word::cancel_step::claimed) enqueue(*this);
    return true;
  }
};

/// Thread 0 runs the task through `Scopes` nested scopes; the next threads are their timers, the last one, if `User`,
/// cancels. `Older`: requests that were delivered before the task entered the scopes, and are still counted. `Late`: the
/// body looks for a cancel once more when the timers have fired.
template <class Derived, int Scopes, bool User, unsigned Older = 0, bool Late = false>
struct scope_model : rl::test_suite<Derived, 1 + Scopes + User> {
  struct state {
    limited_task task;
    std::array<gyre::detail::scope_cancel, Scopes> scopes;  // the outermost first
    std::array<model_signal, Scopes> fired;                 // taking a timer back waits for a firing under way
  };
  std::unique_ptr<state> world;
  unsigned thrown = 0;
  int users_made = 0;  // bookkeeping of the model, which runs one thread at a time
  int users_delivered = 0;

  void before() {
    thrown = 0;
    users_made = users_delivered = 0;
    world = std::make_unique<state>();
    for (unsigned i = 0; i < Older; ++i) {
      world->task.cancel({});
      RL_ASSERT(world->task.state.take_cancel());
    }
    for (auto& each : world->scopes) each.enter(world->task);
  }
  void after() {
    // A later wait ends by the user's request only, and only if that was not delivered.
    RL_ASSERT(world->task.state.cancel_pending() == (users_delivered != users_made));
    look_for_cancel();
    RL_ASSERT(world->task.state.cancelling() == Older + (User ? 1 : 0));
    RL_ASSERT(users_delivered == (User ? 1 : 0));
    RL_ASSERT(!world->task.state.cancel_pending());
    world.reset();
  }

  /// A wait of the task's body, which ends at once: only a cancel that is there already ends it.
  void look_for_cancel() {
    if (!world->task.state.take_cancel()) return;
    ++thrown;
    RL_ASSERT(thrown <= Scopes + (User ? 1U : 0U));
    users_delivered = users_made;
  }
  void thread(unsigned who) {
    limited_task& t = world->task;
    if (who == 0) {
      look_for_cancel();
      for (int i = Scopes; i-- > 0;) {
        world->fired[i].wait();
        if (Late) look_for_cancel();
        static_cast<void>(world->scopes[i].take_back(t));
        RL_ASSERT(!world->scopes[i].is_undelivered(t));
        world->scopes[i].leave(t);
      }
    } else if (who <= Scopes) {
      world->scopes[who - 1].ask(t);
      world->fired[who - 1].post();
    } else {
      t.cancel({});
      ++users_made;
    }
  }
};

struct alone : scope_model<alone, 1, false> {};
struct with_older : scope_model<with_older, 1, false, 1> {};
struct with_users : scope_model<with_users, 1, true> {};
struct with_users_and_older : scope_model<with_users_and_older, 1, true, 1> {};
struct delivered : scope_model<delivered, 1, true, 1, true> {};
struct nested : scope_model<nested, 2, false, 1> {};
struct nested_with_users : scope_model<nested_with_users, 2, true, 0, true> {};

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv,
             {scenario<alone>("scope: a request that comes too late", 3),
              scenario<with_older>("scope: the same, with an older request", 3),
              scenario<with_users>("scope: the same, and a cancel by somebody else", 3),
              scenario<with_users_and_older>("scope: the same, with an older request", 3),
              scenario<delivered>("scope: delivered at the last moment", 3),
              scenario<nested>("scope: two, and both requests come too late", 3),
              scenario<nested_with_users>("scope: two, and a cancel by somebody else")});
}
