// SPDX-License-Identifier: BSL-1.0
// Model of a queue's getters: an item meets the cancel of the one that was woken for it, or somebody else is faster. And of
// a text that shows an item while it is taken out.
#include <gyre/sync/queue_base.hpp>
#include <gyre/sync/queue_parcel.hpp>

#include <array>
#include <memory>

#include "model_task.hpp"

void gyre::detail::backoff::once() noexcept { gyre_model_backoff(); }

namespace {

using namespace gyre_model;
namespace detail = gyre::detail;

struct checked_task;
struct model_check {
  virtual bool may_resume(checked_task& t) noexcept = 0;

 protected:
  ~model_check() = default;
};
struct checked_task : model_task {
  model_check* check = nullptr;
};
struct no_awaiter {};
struct traits {
  using policy = model_policy;
  using task = checked_task;
  using handle = int;
  using awaiter = no_awaiter;
  using check = model_check;
};
using wakes = detail::basic_wake_list<checked_task>;

/// Items without names. The steps under the lock are those of basic_queue.
struct counted_queue {
  model_lock guard;
  model_var<int> items{0};
  detail::basic_wait_queue<checked_task, model_policy> getters;

  void put() {
    wakes woken;
    const std::lock_guard hold(guard);
    ++items;
    getters.pop_and_grant(woken);
  }
  bool take() {
    if (items == 0) return false;
    --items;
    return true;
  }
  bool get_nowait() {
    const std::lock_guard hold(guard);
    return take();
  }
};

class getter final : public detail::queue_awaiter<getter, traits> {
 public:
  explicit getter(counted_queue& q) : queue_awaiter(q.guard, q.getters), queue_(q) {}
  using queue_awaiter::ended;
  using queue_awaiter::park;

 private:
  friend queue_awaiter;
  static constexpr auto reason = detail::wait_reason::queue_item;
  [[nodiscard]] const void* place() const noexcept { return &queue_; }
  [[nodiscard]] bool possible() const noexcept { return queue_.items != 0; }
  detail::attempt try_now(wakes&) noexcept { return queue_.take() ? detail::attempt::done : detail::attempt::waits; }
  void get_memory(std::unique_lock<model_lock>&) const noexcept {}

  counted_queue& queue_;
};

template <class Derived, int Threads, int Getters>
struct queue_model : rl::test_suite<Derived, Threads> {
  std::unique_ptr<counted_queue> queue;
  std::array<std::unique_ptr<checked_task>, Getters> tasks;
  std::array<std::unique_ptr<getter>, Getters> getters;

  void before() {
    queue = std::make_unique<counted_queue>();
    for (int i = 0; i < Getters; ++i) {
      auto& t = tasks[static_cast<std::size_t>(i)];
      auto& g = getters[static_cast<std::size_t>(i)];
      t = std::make_unique<checked_task>();
      g = std::make_unique<getter>(*queue);
      RL_ASSERT(g->park(*t, 1));
    }
  }
  void after() {
    RL_ASSERT(queue->getters.empty());
    for (auto& g : getters) g.reset();
    for (auto& t : tasks) t.reset();
    queue.reset();
  }
  /// As run_task(). False: the get was cancelled.
  bool resume(std::size_t i) {
    checked_task& t = *tasks[i];
    do {
      t.next_step();
    } while (!t.check->may_resume(t));
    return getters[i]->ended() == detail::attempt::done;
  }
  void cancel(std::size_t i) {
    if (tasks[i]->state.request_cancel() == model_task::word::cancel_step::claimed) tasks[i]->enqueue(*tasks[i]);
  }
};

/// Two getters wait, the first one is cancelled while items come: the second one gets one in any case.
struct item_against_cancel : queue_model<item_against_cancel, 3, 2> {
  bool first = false;
  void thread(unsigned who) {
    if (who == 0) {
      first = resume(0);
      if (first) queue->put();  // else the second one would have to wait for ever
    } else if (who == 1) {
      cancel(0);
      RL_ASSERT(resume(1));
    } else {
      queue->put();
    }
  }
  void after() {
    RL_ASSERT(queue->items == 0);
    queue_model::after();
  }
};

/// Somebody takes the item from under the getter that was woken for it: the getter waits again, and gets the next one.
struct overtaken : queue_model<overtaken, 3, 1> {
  int taken = 0;
  void thread(unsigned who) {
    if (who == 0) {
      RL_ASSERT(resume(0));
    } else if (who == 1) {
      taken = queue->get_nowait() ? 1 : 0;
      queue->put();
    } else {
      queue->put();
    }
  }
  void after() {
    RL_ASSERT(queue->items == 1 - taken);
    queue_model::after();
  }
};

/// A text shows an item while a getter takes it out, and changes it.
struct shown_item : rl::test_suite<shown_item, 3> {
  struct state {
    model_lock guard;
    model_var<bool> in_queue{true};
    detail::basic_readers<model_policy> readers;
    model_var<int> value{1};
  };
  std::unique_ptr<state> world;

  void before() { world = std::make_unique<state>(); }
  void after() { world.reset(); }
  void thread(unsigned who) {
    bool there = false;
    {
      const std::lock_guard hold(world->guard);
      there = world->in_queue;
      if (who == 0) {
        world->in_queue = false;
      } else if (there) {
        world->readers.begin();
      }
    }
    if (who == 0) {
      world->readers.wait();
      world->value = 2;
    } else if (there) {
      RL_ASSERT(world->value == 1);
      world->readers.end();
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv,
             {scenario<item_against_cancel>("queue: an item against the cancel of a getter"),
              scenario<overtaken>("queue: a getter that is overtaken"),
              scenario<shown_item>("queue: an item that is shown while it is taken", 3)});
}
