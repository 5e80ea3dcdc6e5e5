// SPDX-License-Identifier: BSL-1.0
// Models of last touches: a shared object goes once, with all that was done to it seen; a timer's node goes after its firing;
// a task goes on after the last part of its operation.
#include <gyre/base/ref_count.hpp>
#include <gyre/base/spin_lock.hpp>
#include <gyre/io/open_parts.hpp>
#include <gyre/loop/timer_stage.hpp>

#include <flow/turn.hpp>

#include <array>
#include <memory>
#include <mutex>
#include <utility>

#include "model_policy.hpp"

void gyre::detail::backoff::once() noexcept { gyre_model_backoff(); }

namespace {

using namespace gyre_model;
namespace detail = gyre::detail;

// --- count of references ----------------------------------------------------------------------------------------------

/// Three owners, one of which makes another; each writes its part of the object and lets go. The last one reads all.
struct shared_object : rl::test_suite<shared_object, 3> {
  struct state {
    detail::basic_ref_count<model_atomics> references{3};
    std::array<rl::var<int>, 3> parts;
  };
  std::unique_ptr<state> world;
  int ended = 0;

  void before() {
    ended = 0;
    world = std::make_unique<state>();
    for (auto& each : world->parts) each($) = 0;
  }
  void after() {
    RL_ASSERT(ended == 1);
    world.reset();
  }
  void thread(unsigned who) {
    if (who == 0) {
      world->references.add();
      let_go();
    }
    world->parts[who]($) = 1;
    let_go();
  }
  void let_go() {
    if (!world->references.drop()) return;
    ++ended;
    for (auto& each : world->parts) {
      RL_ASSERT(each($) == 1);
      each($) = 2;  // as its destructor
    }
  }
};

/// As future_core: the last owner shows the object to somebody who may keep it, before it goes. Then whoever lets go last ends
/// it.
struct shown_at_the_end : rl::test_suite<shown_at_the_end, 3> {
  struct state {
    detail::basic_ref_count<model_atomics> references{2};
    model_signal shown;
    rl::var<int> object;
  };
  std::unique_ptr<state> world;
  bool revived = false;
  int ended = 0;

  void before() {
    revived = false;
    ended = 0;
    world = std::make_unique<state>();
    world->object($) = 0;
  }
  void after() {
    RL_ASSERT(ended == 1);
    world.reset();
  }
  void thread(unsigned who) {
    if (who == 2) {  // who keeps it
      world->shown.wait();
      RL_ASSERT(world->object($) == 1);
      if (world->references.drop()) end();
    } else if (world->references.drop()) {
      RL_ASSERT(!std::exchange(revived, true));
      world->references.revive();
      world->object($) = 1;
      world->references.add();
      world->shown.post();
      if (world->references.drop()) end();
    }
  }
  void end() {
    ++ended;
    world->object($) = 2;  // as its destructor
  }
};

// --- timers -----------------------------------------------------------------------------------------------------------

/// A node that is armed, in a heap in short: the node, or nothing. As timer_heap, for direct nodes.
template <class Derived, int Threads>
struct timer_model : rl::test_suite<Derived, Threads> {
  struct state {
    detail::basic_spin_lock<model_atomics> lock;
    watched<bool> in_heap{true};
    detail::basic_timer_stage<model_atomics> stage;
    rl::var<int> node;
  };
  std::unique_ptr<state> world;
  int fired = 0;
  bool owner_gone = false;

  void before() {
    fired = 0;
    owner_gone = false;
    world = std::make_unique<state>();
    world->node($) = 0;
    world->stage.arm();
  }
  void after() { world.reset(); }

  void fire_due() {
    {
      const std::lock_guard hold(world->lock);
      if (!world->in_heap) return;
      world->in_heap = false;
      world->stage.begin_firing();
    }
    RL_ASSERT(!owner_gone);
    world->node($) = 1;
    ++fired;
    world->stage.end_firing();
  }
  bool take_back() {
    const std::lock_guard hold(world->lock);
    if (!world->stage.is_armed()) return false;
    world->in_heap = false;
    world->stage.take_back();
    return true;
  }
  /// As timer_heap::disarm; then the owner lets the node go.
  bool disarm_and_go() {
    const bool in_time = take_back();
    if (!in_time) RL_ASSERT(!world->stage.settle());
    owner_gone = true;
    world->node($) = 2;
    return in_time;
  }
};

/// The owner's loop or another one fires while the owner disarms.
struct disarmed_while_fired : timer_model<disarmed_while_fired, 3> {
  bool in_time = false;
  void thread(unsigned who) {
    if (who == 0) {
      in_time = disarm_and_go();
    } else {
      fire_due();
    }
  }
  void after() {
    RL_ASSERT(fired == (in_time ? 0 : 1));
    timer_model::after();
  }
};

/// take_back() is for any thread: the node is fired or taken back, once.
struct taken_back_twice : timer_model<taken_back_twice, 3> {
  int taken = 0;
  void before() {
    timer_model::before();
    taken = 0;
  }
  void thread(unsigned who) {
    if (who == 2) {
      fire_due();
    } else if (take_back()) {
      ++taken;
    }
  }
  void after() {
    RL_ASSERT(taken + fired == 1);
    timer_model::after();
  }
};

/// A queued node says so once; one that fired, or was disarmed, does not.
struct queued_node : timer_model<queued_node, 1> {
  void thread(unsigned) {
    world->stage.queue();
    RL_ASSERT(!world->stage.is_armed());
    RL_ASSERT(world->stage.settle());
    RL_ASSERT(!world->stage.settle());
    world->stage.arm();
    RL_ASSERT(world->stage.is_armed());
    world->stage.take_back();
    RL_ASSERT(!world->stage.is_armed() && !world->stage.settle());
  }
};

/// The turn of a ticket, and the limit that goes: whoever finds the turn due does not touch the limit afterwards.
struct turn_called_off : rl::test_suite<turn_called_off, 2> {
  struct state {
    detail::basic_turn<model_atomics> turn;
    rl::var<int> owner;
  };
  std::unique_ptr<state> world;
  bool begun = false;

  void before() {
    begun = false;
    world = std::make_unique<state>();
    world->owner($) = 0;
  }
  void after() { world.reset(); }
  void thread(unsigned who) {
    if (who == 0) {
      if (!world->turn.begin()) return;
      begun = true;
      world->owner($) = 1;
      world->turn.end();
      RL_ASSERT(!world->turn.begin());
    } else {
      world->turn.call_off();
      RL_ASSERT(world->owner($) == (begun ? 1 : 0));
      world->owner($) = 2;  // as its destructor
      RL_ASSERT(!world->turn.begin());
    }
  }
};

// --- parts of an operation --------------------------------------------------------------------------------------------

/// The handler of an operation against a cancel that is sent to its loop as a message: the task goes on once, after both.
struct cancelled_operation : rl::test_suite<cancelled_operation, 2> {
  struct state {
    detail::basic_open_parts<model_atomics> parts;
    rl::var<int> result;
    rl::var<int> message;
  };
  std::unique_ptr<state> world;
  int woken = 0;
  void before() {
    woken = 0;
    world = std::make_unique<state>();
    world->result($) = 0;
    world->message($) = 0;
  }
  void after() {
    RL_ASSERT(woken == 1);
    world.reset();
  }
  void thread(unsigned who) {
    if (who == 0) {
      world->result($) = 1;
      part_done();
    } else if (world->parts.add()) {
      world->message($) = 1;
      if (!world->parts.any_but_one()) RL_ASSERT(world->result($) == 1);
      part_done();
    } else {
      RL_ASSERT(!world->parts.any());
    }
  }
  void part_done() {
    if (!world->parts.end()) return;
    RL_ASSERT(world->result($) == 1 && world->message($) <= 1);
    world->result($) = 2;
    ++woken;
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run(
      argc, argv,
      {scenario<shared_object>("references: three owners"),
       scenario<shown_at_the_end>("references: the last owner shows it to another one"),
       scenario<disarmed_while_fired>("timer: disarmed while it fires"),
       scenario<taken_back_twice>("timer: taken back twice while it fires"), scenario<queued_node>("timer: queued"),
       scenario<turn_called_off>("timer: a turn that its owner calls off"),
       scenario<cancelled_operation>("operation: ended while it is cancelled", 3)});
}
