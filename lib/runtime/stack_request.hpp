// SPDX-License-Identifier: BSL-1.0
#pragma once
// How one thread asks another for a note of where it is, which a signal handler there writes.  Layer: runtime.
// Model: tests/model/note_model.cpp
#include <gyre/base/atomics.hpp>
#include <gyre/base/relax.hpp>

namespace gyre::detail {

/// One request at a time.
///
///   stage_   idle -> the number of the thread that is asked (who asks) -> noting (the handler, on that thread)
///            -> noted -> idle (who asked); or asked -> idle (who asked, when nobody answers)
///
/// Who is asked is in the same word as whether: a signal that comes late finds neither its own request nor another's.
/// answer_ belongs to who asks while it is idle or noted, and to the handler while it is noting.
///
/// Thread:  ask() to take(): one at a time. answer(): any, in a signal handler.
template <class Answer, class Atomics = std_atomics>
class basic_stack_request {
 public:
  /// `thread` > 0.
  void ask(int thread) noexcept { stage_.store(thread, std::memory_order_release); }
  [[nodiscard]] bool is_answered() const noexcept { return stage_.load(std::memory_order_acquire) == noted; }
  /// True if nobody has begun to answer, and nobody will.
  [[nodiscard]] bool withdraw(int thread) noexcept {
    return stage_.compare_exchange_strong(thread, idle, std::memory_order_relaxed, std::memory_order_relaxed);
  }
  /// After an answer, which may be under way: waits for its end.
  void take(Answer& out) noexcept {
    for (backoff pause; !is_answered();) pause.once();
    out = answer_;
    stage_.store(idle, std::memory_order_relaxed);  // the next ask() publishes it
  }

  /// On `thread`: note(answer) if it is asked.
  template <class Note>
  void answer(int thread, Note note) noexcept {
    if (!stage_.compare_exchange_strong(thread, noting, std::memory_order_acquire, std::memory_order_relaxed)) return;
    note(answer_);
    stage_.store(noted, std::memory_order_release);
  }

 private:
  static constexpr int idle = 0, noting = -1, noted = -2;

  typename Atomics::template atomic<int> stage_{idle};
  Answer answer_;
};

}  // namespace gyre::detail
