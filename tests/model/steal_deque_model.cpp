// SPDX-License-Identifier: BSL-1.0
// Model of steal_deque: each element is taken exactly once, by pop, steal or take, also while the array grows, and whoever
// takes it sees what was written into it before it was pushed.
#include <gyre/base/steal_deque.hpp>

#include <array>
#include <memory>

#include "model_policy.hpp"

namespace {

using namespace gyre_model;

constexpr int items = 3;

struct item {
  rl::var<int> written;
  int taken = 0;  // bookkeeping of the model, which runs one thread at a time
};
using deque = gyre::detail::steal_deque<item, model_policy>;

/// An owner that pushes some and takes at one end, thieves that take at the other. It has room for `Room` and grows after that.
template <class Derived, int Threads, int Items = items, int Room = 2>
struct deque_model : rl::test_suite<Derived, Threads> {
  std::unique_ptr<model_barriers> barriers;
  std::unique_ptr<deque> queue;
  std::array<item, Items> all;

  void before() {
    barriers = std::make_unique<model_barriers>();
    queue = std::make_unique<deque>(Room);
  }
  void after() {
    for (item* left = queue->take(); left != nullptr; left = queue->take()) use(left);
    for (const item& each : all) RL_ASSERT(each.taken == 1);
    queue.reset();
    barriers.reset();
  }

  void push(int i) {
    all[static_cast<std::size_t>(i)].written($) = i + 1;
    queue->push(&all[static_cast<std::size_t>(i)]);
  }
  void use(item* taken) {
    if (taken == nullptr) return;
    RL_ASSERT(taken->written($) == (taken - all.data()) + 1);
    ++taken->taken;
  }
};

struct newest_first : deque_model<newest_first, 3> {
  void thread(unsigned who) {
    if (who != 0) {
      use(queue->steal());
      return;
    }
    push(0);
    push(1);
    use(queue->pop());
    push(2);
    use(queue->pop());
    use(queue->pop());
  }
};

struct grows_while_stolen : deque_model<grows_while_stolen, 3> {
  void thread(unsigned who) {
    if (who != 0) {
      use(queue->steal());
      return;
    }
    for (int i = 0; i < items; ++i) push(i);
    use(queue->pop());
  }
};

struct oldest_first : deque_model<oldest_first, 3> {
  void thread(unsigned who) {
    if (who != 0) {
      use(queue->take());
      return;
    }
    push(0);
    push(1);
    use(queue->take());
    push(2);
    use(queue->take());
  }
};

/// Thieves that take half, beside an owner that takes one at a time.
struct halves : deque_model<halves, 3> {
  void thread(unsigned who) {
    if (who != 0) {
      use_half();
      return;
    }
    for (int i = 0; i < items; ++i) push(i);
    use(queue->take());
  }
  void use_half() {
    std::array<item*, 2> some{};
    const std::size_t n = queue->take_half(some);
    for (std::size_t i = 0; i < n; ++i) use(some[i]);
  }
};

/// Four lie there, so that a half is two; the fifth comes where the first one was.
struct halves_of_four : deque_model<halves_of_four, 2, 5, 4> {
  void before() {
    deque_model::before();
    for (int i = 0; i < 4; ++i) push(i);
  }
  void thread(unsigned who) {
    if (who != 0) {
      std::array<item*, 4> some{};
      const std::size_t n = queue->take_half(some);
      for (std::size_t i = 0; i < n; ++i) use(some[i]);
      return;
    }
    use(queue->take());
    push(4);
    use(queue->take());
  }
};

/// An owner that finds it empty, and a thief, both after the last one.
struct last_one : deque_model<last_one, 2> {
  void thread(unsigned who) {
    if (who != 0) {
      use(queue->steal());
      use(queue->steal());
      return;
    }
    push(0);
    use(queue->pop());
    use(queue->pop());
    push(1);
    push(2);
    use(queue->pop());
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv,
             {scenario<newest_first>("deque: newest first against two thieves"),
              scenario<grows_while_stolen>("deque: grows while two thieves take"),
              scenario<oldest_first>("deque: oldest first against two thieves"),
              scenario<halves>("deque: two thieves that take half"),
              scenario<halves_of_four>("deque: a half of more than one, beside its owner", 3),
              scenario<last_one>("deque: the last one", 3)});
}
