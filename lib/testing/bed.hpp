// SPDX-License-Identifier: BSL-1.0
#pragma once
// Where a simulated loop sleeps, and the stack that its turns run on.  Layer: testing.  Bodies: lib/testing/bed.cpp
#include "../fiber/stack.hpp"
#include "../loop/loop_core.hpp"
#include "simulated_io.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

namespace gyre::testing {

/// A loop of the simulation and how far it is on its way into sleep.
///
///   awake   -> a turn -> awake, or drowsy if it found nothing
///   drowsy  -> announces its sleep, looks at everything once more -> asleep, or awake
///   asleep  -> woken, or its alarm -> awake
///
/// Each step may be interrupted on its way, at an await or between announcing and looking, and goes on later, when other
/// loops have had their turns.
class bed final : public detail::parker {
 public:
  enum class stage : std::uint8_t { awake, drowsy, asleep };

  /// Its steps run on a stack of its own if they are to be `interruptible`.
  bed(detail::platform& surroundings, bool interruptible);
  ~bed() override;

  // parker
  void wait(std::int64_t) override {}
  bool wake() noexcept override { return !std::exchange(woken_, true); }
  void wake_at(std::int64_t deadline) noexcept override { alarm_ = std::min(alarm_, deadline); }
  bool poll() override { return io_ != nullptr && io_->poll(); }
  [[nodiscard]] bool has_io() const noexcept override { return io_ != nullptr; }
  [[nodiscard]] boost::asio::io_context& lend_context(bool& first) override;

  void adopt(detail::loop_core& l) noexcept { loop_ = &l; }
  [[nodiscard]] detail::loop_core* loop() const noexcept { return loop_; }
  [[nodiscard]] stage at() const noexcept { return stage_; }
  [[nodiscard]] bool interrupted() const noexcept { return interrupted_; }
  /// The task in whose step it was interrupted; null if in none.
  [[nodiscard]] const detail::task_core* in_step() const noexcept { return interrupted_ ? outside_.current : nullptr; }

  /// When it gets up by itself, or has a timer to look at; `never` if only others can wake it.
  [[nodiscard]] std::int64_t next_alarm() const noexcept {
    return std::min(io_due(), stage_ == stage::asleep ? alarm_ : loop_->timers->next_deadline());
  }
  [[nodiscard]] bool is_called(std::int64_t now) const noexcept { return woken_ || std::min(alarm_, io_due()) <= now; }
  void get_up();
  /// Whether somebody posted to the io_context while the loop sleeps: the first handler has run, and the loop is up.
  [[nodiscard]] bool finds_posted();
  /// A poll before the turn: otherwise a turn may poll only when nothing is ready.
  void poll_early();

  /// A sleep that was on its way is given up.   In a turn's end.
  void stay_up() noexcept { stage_ = stage::awake; }

  /// One stage further: a turn of at most so many steps, or a step into sleep.
  void go_on(int most_steps);
  /// In a step: lets others go first. Returns when the step goes on.
  void interrupt() noexcept;
  /// Whether this frame of the running code is on this bed's stack: on that of no fiber, of no function that the loop was
  /// called from.
  [[nodiscard]] bool owns_stack(const void* frame) const noexcept;

 private:
  void take_stage();
  static void take_stages(void* self) noexcept;
  template <class F>
  void as_loop(F&& f);
  [[nodiscard]] std::int64_t io_due() const noexcept { return io_ == nullptr ? detail::never : io_->due(); }

  detail::platform& surroundings_;
  std::shared_ptr<simulated_io> io_;
  detail::loop_core* loop_ = nullptr;
  detail::fiber_stack* stack_ = nullptr;
  detail::thread_state outside_;  // the thread's while the turn runs, the turn's while it is interrupted
  stage stage_ = stage::awake;
  bool begun_ = false;        // the stack has been entered
  bool interrupted_ = false;  // in the middle of a step
  bool woken_ = false;
  std::int64_t alarm_ = detail::never;
};

}  // namespace gyre::testing
