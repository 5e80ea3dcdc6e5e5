// SPDX-License-Identifier: BSL-1.0
// Model of a scope that cancels its own task: the request that comes too late ends no later wait, and takes nobody else's
// request with it.
#include <gyre/flow/detail/time_limit.hpp>

#include <memory>

#include "model_task.hpp"

void gyre::detail::backoff::once() noexcept { gyre_model_backoff(); }

namespace {

using namespace gyre_model;

struct limited_task : model_task {
  bool cancel(std::string_view) {
    if (state.request_cancel() == word::cancel_step::claimed) enqueue(*this);
    return true;
  }
};

/// Thread 0 runs the task through a scope, thread 1 is the timer's; thread 2, if there is one, cancels. `Older`: a request
/// that was delivered before the task entered the scope, and is still counted.
template <class Derived, int Threads, unsigned Older>
struct scope_model : rl::test_suite<Derived, Threads> {
  struct state {
    limited_task task;
    gyre::detail::basic_scope_cancel<model_policy> scope;
    model_signal fired;  // taking the timer back waits for a firing under way
    model_signal granted;
  };
  std::unique_ptr<state> world;
  unsigned thrown = 0;

  void before() {
    thrown = 0;
    world = std::make_unique<state>();
    for (unsigned i = 0; i < Older; ++i) {
      world->task.cancel({});
      RL_ASSERT(world->task.state.take_cancel());
    }
  }
  void after() {
    const bool users = Threads == 3;
    const bool pending = world->task.state.take_cancel();
    RL_ASSERT(world->task.state.cancelling() == Older + (users ? 1 : 0));
    RL_ASSERT(users || !pending);                // the scope's own request is gone
    RL_ASSERT(!users || pending || thrown > 0);  // the user's is not
    world.reset();
  }

  /// A wait of the task's body, which ends at once: only a cancel that is there already ends it.
  void look_for_cancel() {
    if (world->task.state.take_cancel()) ++thrown;
  }
  void thread(unsigned who) {
    limited_task& t = world->task;
    if (who == 0) {
      look_for_cancel();
      world->fired.wait();
      look_for_cancel_if_waits();
      static_cast<void>(world->scope.take_back(t, Older));
    } else if (who == 1) {
      world->scope.ask(t, true);
      world->fired.post();
    } else {
      t.cancel({});
    }
  }
  virtual void look_for_cancel_if_waits() {}
  virtual ~scope_model() = default;
};

struct alone : scope_model<alone, 2, 0> {};
struct with_older : scope_model<with_older, 2, 1> {};
struct with_users : scope_model<with_users, 3, 0> {};
struct with_users_and_older : scope_model<with_users_and_older, 3, 1> {};
/// The body meets the request after the deadline, before it leaves.
struct delivered : scope_model<delivered, 3, 1> {
  void look_for_cancel_if_waits() override { look_for_cancel(); }
};

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv,
             {scenario<alone>("scope: a request that comes too late", 3),
              scenario<with_older>("scope: the same, with an older request", 3),
              scenario<with_users>("scope: the same, and a cancel by somebody else", 3),
              scenario<with_users_and_older>("scope: the same, with an older request", 3),
              scenario<delivered>("scope: delivered at the last moment", 3)});
}
