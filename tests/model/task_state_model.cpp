// SPDX-License-Identifier: BSL-1.0
// Model of a task's state word: wakes, cancels, forwarded cancels, completions that come before the park.
#include <gyre/core/task_state.hpp>

#include <array>
#include <memory>

#include "model.hpp"

void gyre::detail::backoff::once() noexcept { gyre_model_backoff(); }

namespace {

using namespace gyre_model;

using state = gyre::detail::basic_task_state<model_atomics>;
using bits = gyre::detail::task_bits;
using step = state::cancel_step;
using kind = state::wait_kind;

/// What the queue of a loop does for the model: at most one entry, handed over with release and acquire.
class run_queue {
 public:
  void enqueue() {
    RL_ASSERT(!entry_.load(std::memory_order_relaxed));  // a task is in at most one queue, once
    entry_.store(true, std::memory_order_release);
  }
  void await_entry() {
    while (!entry_.load(std::memory_order_acquire)) gyre_model_backoff();
    entry_.store(false, std::memory_order_relaxed);
  }

 private:
  model_atomic<bool> entry_{false};
};

/// A task that runs on thread 0, and what others write before they wake it.
template <class Derived, int Threads>
struct task_model : rl::test_suite<Derived, Threads> {
  std::unique_ptr<state> word;
  std::unique_ptr<run_queue> queue;
  rl::var<int> written_by_task;
  rl::var<int> grant;
  int claims = 0;

  void before() {
    word = std::make_unique<state>(bits::running);
    queue = std::make_unique<run_queue>();
  }
  void after() {
    word.reset();
    queue.reset();
  }

  /// Back on the task's thread: sees what its last suspension wrote.
  void resumed() {
    queue->await_entry();
    static_cast<void>(word->begin());
  }
  void claimed() {
    ++claims;
    RL_ASSERT(written_by_task($) == 1);  // what the task did before its suspension
    queue->enqueue();
  }
};

/// A wake and a cancel of one wait: exactly one ends it, and a cancel that lost is delivered later.
struct wake_against_cancel : task_model<wake_against_cancel, 3> {
  bool granted = false;
  void thread(unsigned who) {
    if (who == 0) {
      written_by_task($) = 1;
      if (!word->park_leaf()) queue->enqueue();
      resumed();
      if (granted) RL_ASSERT(grant($) == 1);
    } else if (who == 1) {
      grant($) = 1;
      if (word->claim()) {
        granted = true;
        claimed();
      }
    } else {
      const step outcome = word->request_cancel();
      RL_ASSERT(outcome == step::noted || outcome == step::claimed);
      if (outcome == step::claimed) claimed();
    }
  }
  void after() {
    RL_ASSERT(claims <= 1);
    RL_ASSERT(word->take_cancel() && !word->take_cancel());  // once per request
    RL_ASSERT(word->cancelling() == 1);
    task_model::after();
  }
};

/// A cancel that made park_leaf() fail cannot be withdrawn: whoever waited finds it, and took nothing.
struct withdrawn_cancel : task_model<withdrawn_cancel, 3> {
  void thread(unsigned who) {
    if (who == 0) {
      written_by_task($) = 1;
      if (!word->park_leaf()) {
        queue->enqueue();
        resumed();
        RL_ASSERT(word->take_cancel());
      }
    } else if (who == 1) {
      if (word->request_cancel() == step::claimed) {
        claimed();
        resumed();
        RL_ASSERT(word->take_cancel());
      }
    } else {
      word->uncancel();
    }
  }
};

/// An I/O completion that may come before the park: the task goes on exactly once.
struct completion_before_park : task_model<completion_before_park, 2> {
  void thread(unsigned who) {
    if (who == 0) {
      written_by_task($) = 1;
      if (word->park()) {
        resumed();
      } else {
        RL_ASSERT(word->take_notified());
      }
      RL_ASSERT(grant($) == 1 && !word->take_notified());
    } else {
      grant($) = 1;
      if (word->notify()) claimed();
    }
  }
};

/// Two completions: the task goes on until it has seen both, whoever of them wakes it, and however often it has parked before.
struct two_completions : task_model<two_completions, 3> {
  std::array<std::unique_ptr<model_atomic<bool>>, 2> came;

  void before() {
    task_model::before();
    for (auto& each : came) each = std::make_unique<model_atomic<bool>>(false);
  }
  void after() {
    for (auto& each : came) each.reset();
    task_model::after();
  }
  void thread(unsigned who) {
    if (who == 0) {
      while (!came[0]->load(std::memory_order_relaxed) || !came[1]->load(std::memory_order_relaxed)) wait();
      return;
    }
    came[who - 1]->store(true, std::memory_order_relaxed);
    if (word->notify()) claimed();
  }
  void wait() {
    written_by_task($) = 1;
    if (word->park()) {
      resumed();
    } else {
      word->take_notified();
    }
  }
};

/// A cancel comes as a task is about to wait for a future that nothing else ends: the task hands it on before it waits, or
/// the canceller does. As in await_completion().
struct cancel_before_wait : task_model<cancel_before_wait, 2> {
  rl::mutex future_lock;
  rl::var<bool> ended;
  rl::var<bool> linked;  // the task waits for the future

  void before() {
    task_model::before();
    ended($) = false;
    linked($) = false;
  }
  void after() {
    RL_ASSERT(ended($));
    task_model::after();
  }

  void thread(unsigned who) {
    if (who == 0) {
      written_by_task($) = 1;
      if (wait()) resumed();
    } else if (word->request_cancel() == step::forwarded) {
      word->unlock();
      end();
    }
  }

  /// False: the future has ended.
  bool wait() {
    for (;;) {
      if (word->cancel_pending()) {
        word->hand_on();
        end();
      }
      future_lock.lock($);
      const bool over = ended($);
      const bool parked = !over && word->park(kind::forwarding);
      linked($) = parked;
      future_lock.unlock($);
      if (parked || over) return parked;
    }
  }

  void end() {
    future_lock.lock($);
    ended($) = true;
    const bool somebody_waits = linked($);
    future_lock.unlock($);
    if (somebody_waits && word->claim()) claimed();
  }
};

/// A cancel is passed on to a future that ends at the same moment and refuses it, while the task goes on and waits for
/// something else: the cancel must end that wait, or be found before it. As in task_core::cancel().
struct forwarded_cancel : task_model<forwarded_cancel, 3> {
  rl::mutex future_lock;
  rl::var<bool> future_done;
  rl::var<bool> linked;  // the task waits for the future
  rl::var<int> waits_for;

  void before() {
    task_model::before();
    future_done($) = false;
    linked($) = false;
    waits_for($) = 0;
  }
  void after() {
    RL_ASSERT(word->wait_ended_by_cancel());  // the second wait had no other end
    task_model::after();
  }

  void thread(unsigned who) {
    if (who == 0) {
      written_by_task($) = 1;
      waits_for($) = 1;
      if (first_wait()) resumed();
      waits_for($) = 2;
      if (!word->park_leaf()) queue->enqueue();
      resumed();
    } else if (who == 1) {
      future_lock.lock($);
      future_done($) = true;
      const bool somebody_waits = linked($);
      future_lock.unlock($);
      if (somebody_waits && word->claim()) claimed();
    } else {
      cancel();
    }
  }

  /// As suspend_on(). False: the future is done.
  bool first_wait() {
    bool parked = false;
    bool done = false;
    kind how = kind::forwarding;
    do {
      future_lock.lock($);
      done = future_done($);
      parked = !done && word->park(how);
      linked($) = parked;
      future_lock.unlock($);
      how = kind::forwarding_refused;  // it does not take the cancel either
    } while (!done && !parked);
    return parked;
  }

  void cancel() {
    int refused = 0;
    for (step outcome = word->request_cancel();; outcome = word->repeat_cancel()) {
      if (outcome == step::claimed) claimed();
      if (outcome != step::forwarded) return;
      const int target = waits_for($);  // no race with the task: the word is locked
      if (target == refused) {
        word->unlock_and_note();
        return;
      }
      word->unlock();
      refused = target;  // it was about to end
    }
  }
};

/// Two tasks begin to await each other: one of them at least finds the other one parked, and sees what that waits for.
struct two_closers : rl::test_suite<two_closers, 2> {
  std::unique_ptr<std::array<state, 2>> words;
  std::array<rl::var<int>, 2> waits_for;
  int found = 0;
  void before() {
    found = 0;
    words.reset(new std::array<state, 2>{state(bits::running), state(bits::running)});
    for (auto& each : waits_for) each($) = 0;
  }
  void after() {
    RL_ASSERT(found >= 1);
    words.reset();
  }
  void thread(unsigned who) {
    state& other = (*words)[1 - who];
    waits_for[who]($) = 1;
    RL_ASSERT((*words)[who].park(kind::forwarding));
    if (!other.forwards_cancel()) return;
    ++found;
    if (!other.try_lock()) return;
    RL_ASSERT(waits_for[1 - who]($) == 1);
    other.unlock();
  }
};

/// An observer that tries once finds what the task did before it parked.
struct observed : task_model<observed, 2> {
  void thread(unsigned who) {
    if (who == 0) {
      written_by_task($) = 1;
      RL_ASSERT(word->park());
    } else if (word->try_lock()) {
      RL_ASSERT(written_by_task($) == 1);
      word->unlock();
    }
  }
};

/// Who sees a task pinned by itself sees where it has moved to.
struct pinned_at_home : task_model<pinned_at_home, 2> {
  std::unique_ptr<model_atomic<int>> home;

  void before() {
    task_model::before();
    home = std::make_unique<model_atomic<int>>(0);
  }
  void after() {
    home.reset();
    task_model::after();
  }
  void thread(unsigned who) {
    if (who == 0) {
      home->store(1, std::memory_order_relaxed);
      word->pin();
    } else if (word->is_pinned()) {
      RL_ASSERT(home->load(std::memory_order_relaxed) == 1);
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv,
             {scenario<wake_against_cancel>("task state: a wake against a cancel", 3),
              scenario<withdrawn_cancel>("task state: a cancel that is withdrawn", 3),
              scenario<completion_before_park>("task state: a completion before the park", 3),
              scenario<two_completions>("task state: two completions"),
              scenario<two_closers>("task state: two that begin to await each other", 3),
              scenario<cancel_before_wait>("task state: a cancel that comes as the task is about to wait"),
              scenario<forwarded_cancel>("task state: a forwarded cancel that is refused"),
              scenario<observed>("task state: who looks at a parked task", 3),
              scenario<pinned_at_home>("task state: a pin and the home", 3)});
}
