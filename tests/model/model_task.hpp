// SPDX-License-Identifier: BSL-1.0
#pragma once
// A task and its loop for the models: the state word is the shipped one, the loop's queue holds at most this one entry.
// Include it after the headers under test.
#include <gyre/base/intrusive_list.hpp>
#include <gyre/core/task_state.hpp>

#include "model_policy.hpp"

namespace gyre_model {

class model_task : public gyre::detail::list_link<> {
 public:
  using word = gyre::detail::basic_task_state<model_policy>;
  using bits = gyre::detail::task_bits;

  explicit model_task(bits::word initial = bits::running) : state(initial) {}

  /// As task_core's. This home never closes: closing_model.cpp has one that does.
  [[nodiscard]] model_task& at() { return *this; }
  [[nodiscard]] static bool begin_wake() { return true; }
  static void end_wake() {}
  [[nodiscard]] bool park_or_yield() { return state.park_leaf(); }
  void leave(bool parked) {
    if (!parked) enqueue(*this);
  }
  /// What it waits for is for reports, which the models do not write.
  template <class Reason>
  void note_wait(Reason, const void*) {}
  bool wake(gyre::detail::given_back back = {}) {
    if (!state.claim(back)) return false;
    enqueue(*this);
    return true;
  }

  /// As home's: whoever made it ready queues it. A task is in at most one queue, once.
  void enqueue(model_task& t) {
    RL_ASSERT(!t.queued_);
    t.queued_ = true;
    t.queue_.post();
  }
  /// On the task's thread: waits for its next step, which sees what its last one wrote.
  void next_step() {
    queue_.wait();
    RL_ASSERT(queued_);
    queued_ = false;
    static_cast<void>(state.begin());
    ++steps;
  }

  word state;
  gyre::detail::scope_marks scopes;
  model_var<int> resume_point{0};
  int steps = 0;

 private:
  model_signal queue_;
  bool queued_ = false;  // bookkeeping of the model, which runs one thread at a time
};

}  // namespace gyre_model
