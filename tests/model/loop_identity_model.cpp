// SPDX-License-Identifier: BSL-1.0
// Model of what outlives a loop: nobody touches the loop after its end, also when the identity serves the next one, and what
// comes from outside is either taken in time or refused.
#include <gyre/core/loop_identity.hpp>

#include <memory>

#include "model.hpp"

void gyre::detail::backoff::once() noexcept { gyre_model_backoff(); }

namespace {

using namespace gyre_model;
namespace detail = gyre::detail;

struct loop {
  rl::var<int> alive;  // written by who makes and destroys it
  model_atomic<int> queued{0};
};

template <class Derived, int Threads>
struct identity_model : rl::test_suite<Derived, Threads> {
  using identity = detail::basic_loop_identity<loop, model_atomics>;
  using visit = detail::basic_loop_visit<identity>;
  struct state {
    identity name;
    loop first;
    loop second;
  };
  std::unique_ptr<state> world;
  std::uint32_t era = 0;

  void before() {
    world = std::make_unique<state>();
    begin(world->first);
    era = world->name.era();
  }
  void after() { world.reset(); }

  void begin(loop& l) {
    l.alive($) = 1;
    world->name.begin_era(l);
  }
  /// As loop_core::close: what was queued is dropped once nobody can queue any more.
  int close(loop& l) {
    world->name.shut();
    const int dropped = l.queued.exchange(0, std::memory_order_acquire);
    l.alive($) = 0;
    world->name.note_end();
    return dropped;
  }
  /// As post_foreign(). True if it was queued.
  bool send(loop& l) {
    const visit inside(world->name, era);
    if (!inside.admitted()) return false;
    RL_ASSERT(world->name.loop_of(era) == &l);
    RL_ASSERT(l.alive($) == 1);
    l.queued.fetch_add(1, std::memory_order_release);
    return true;
  }
};

/// Two threads send while the loop closes: each is dropped by the closing thread, or refused.
struct senders_against_close : identity_model<senders_against_close, 3> {
  int sent = 0;
  int dropped = 0;
  void before() {
    identity_model::before();
    sent = dropped = 0;
  }
  void thread(unsigned who) {
    if (who == 0) {
      dropped = close(world->first);
    } else if (send(world->first)) {
      ++sent;
    }
  }
  void after() {
    RL_ASSERT(sent == dropped && world->first.queued.load(std::memory_order_relaxed) == 0);
    identity_model::after();
  }
};

/// The identity serves another loop at once: a visitor of the old era neither touches that nor the old one.
struct next_era : identity_model<next_era, 2> {
  void thread(unsigned who) {
    if (who == 0) {
      close(world->first);
      world->name.end_era();
      begin(world->second);
    } else {
      send(world->first);
      send(world->first);
    }
  }
  void after() {
    RL_ASSERT(world->second.queued.load(std::memory_order_relaxed) == 0);
    RL_ASSERT(world->name.has_ended(era) && !world->name.has_ended(era + 1));
    RL_ASSERT(world->name.loop_of(era) == nullptr && world->name.loop_of(era + 1) == &world->second);
    identity_model::after();
  }
};

/// Who learns of the next era from the identity itself sees the loop of that era, whole.
struct new_visitor : identity_model<new_visitor, 2> {
  void thread(unsigned who) {
    if (who == 0) {
      close(world->first);
      world->name.end_era();
      begin(world->second);
    } else {
      const std::uint32_t now = world->name.era();
      const visit inside(world->name, now);
      if (!inside.admitted()) return;
      loop& l = now == era ? world->first : world->second;
      RL_ASSERT(l.alive($) == 1);
      RL_ASSERT(world->name.loop_of(now) == &l);
    }
  }
};

/// Who asks for the loop of an era without a visit gets that loop, or nothing: never the next one.
struct loop_of_an_era : identity_model<loop_of_an_era, 2> {
  void thread(unsigned who) {
    if (who == 0) {
      world->name.end_era();
      world->name.begin_era(world->second);
    } else {
      loop* seen = world->name.loop_of(era);
      RL_ASSERT(seen == nullptr || seen == &world->first);
      const std::uint32_t now = world->name.era();
      if (now == era) return;
      seen = world->name.loop_of(now);
      RL_ASSERT(seen == nullptr || seen == &world->second);
    }
  }
};

/// A future that a thread outside ends, as future_core::end_from_anywhere: in a visit, or when its loop has ended. Between
/// the two it stays pending. The end is seen by nobody on a loop that is being destroyed.
struct ended_from_outside : identity_model<ended_from_outside, 2> {
  rl::var<int> waiters;  // touched by the end and by the closing thread
  bool ended = false;
  bool visited = false;

  void before() {
    identity_model::before();
    waiters($) = 1;
    ended = visited = false;
  }
  void thread(unsigned who) {
    if (who == 0) {
      world->name.shut();
      waiters($) = 0;  // as abandon_tasks
      world->name.note_end();
    } else {
      {
        const visit inside(world->name, era);
        if (inside.admitted()) {
          waiters($) = waiters($) + 1;
          visited = true;
          return;
        }
      }
      if (world->name.has_ended(era)) {
        RL_ASSERT(waiters($) == 0);
        ended = true;
      }
    }
  }
};

/// The same when the identity goes on to the next loop: has_ended() orders the end of the old one before its answer.
struct ended_and_gone : identity_model<ended_and_gone, 2> {
  rl::var<int> waiters;
  void before() {
    identity_model::before();
    waiters($) = 1;
  }
  void thread(unsigned who) {
    if (who == 0) {
      close(world->first);
      waiters($) = 0;
      world->name.end_era();
      begin(world->second);
    } else if (world->name.era() != era) {
      RL_ASSERT(world->name.has_ended(era));
      RL_ASSERT(waiters($) == 0);
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv,
             {scenario<senders_against_close>("identity: two senders against a close"),
              scenario<next_era>("identity: visitors of the era before", 3),
              scenario<new_visitor>("identity: a visitor of the next era", 3),
              scenario<loop_of_an_era>("identity: the loop of an era", 3),
              scenario<ended_from_outside>("identity: ended from outside", 3),
              scenario<ended_and_gone>("identity: ended and gone", 3)});
}
