// SPDX-License-Identifier: BSL-1.0
// Model of a context that another thread makes one with an identity while its owner uses it: there is one, and whoever sees it
// finds the values that were there before.
#include <gyre/core/context_word.hpp>

#include <array>
#include <memory>

#include "model_policy.hpp"

namespace {

using namespace gyre_model;
namespace detail = gyre::detail;

struct map {
  model_var<int> value{1};
};
/// It has its values once it was filled.
struct core {
  model_var<const map*> values{nullptr};
};
using word = detail::basic_context_word<map, core, model_policy>;

/// Thread 0 is the owner; the others share its context.
template <class Derived>
struct word_model : rl::test_suite<Derived, 3> {
  struct state {
    word slot;
    model_lock guard;
    map own;
    std::array<core, 2> fresh;
  };
  std::unique_ptr<state> world;
  std::array<core*, 2> got{};

  void before() {
    world = std::make_unique<state>();
    world->slot.set(reinterpret_cast<word::value>(&world->own));
  }
  void after() {
    RL_ASSERT(got[0] == got[1] && got[0] == word::core_in(world->slot.get()));
    world.reset();
  }

  /// As context_slot::share().
  core* share(core& fresh) {
    const word::value seen = world->slot.look();
    if ((seen & word::shared) != 0) return word::core_in(seen);
    return world->slot.share(fresh, world->guard, [&](word::value w) { fresh.values = word::map_in(w); });
  }
  void share_and_read(unsigned i) {
    got[i] = share(world->fresh[i]);
    RL_ASSERT(got[i]->values->value == 1);
  }
};

/// The owner looks it up under the lock of the core, as find() does.
struct looked_up : word_model<looked_up> {
  void thread(unsigned who) {
    if (who != 0) return share_and_read(who - 1);
    const word::value w = world->slot.get();
    if ((w & word::shared) == 0) {
      RL_ASSERT(word::map_in(w)->value == 1);
      return;
    }
    world->guard.lock();
    const map* const values = word::core_in(w)->values;
    world->guard.unlock();
    RL_ASSERT(values->value == 1);
  }
};

/// The owner looks whether there is anything, without the lock, as for a new task.
struct copied : word_model<copied> {
  void thread(unsigned who) {
    if (who != 0) return share_and_read(who - 1);
    const word::value w = world->slot.look();
    if ((w & word::shared) != 0) RL_ASSERT(word::core_in(w)->values != nullptr);
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv,
             {scenario<looked_up>("context: looked up while it is shared", 3),
              scenario<copied>("context: copied while it is shared", 3)});
}
