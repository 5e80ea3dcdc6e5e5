// SPDX-License-Identifier: BSL-1.0
#pragma once
// What a loop knows of an asynchronous generator that was begun there: enough to close it.  Layer: core.
// Bodies: lib/core/generator_state.cpp
#include <gyre/base/intrusive_list.hpp>
#include <gyre/base/ref_count.hpp>
#include <gyre/core/coro.hpp>
#include <gyre/core/home.hpp>
#include <gyre/core/runnable.hpp>

#include <atomic>
#include <cstdint>
#include <string>

namespace gyre::detail {

struct generator_tag {};

/// Part of the generator's promise.
///
///   fresh -> begun (first step: listed at the loop) -> ended (its body has ended or is being closed: listed no more)
///
/// The stage orders nothing: a loop that closes the generator has it from its list, under a lock, and whose exchange ends it
/// is all that matters. The frame is counted: by the generator object, and by who closes it for a loop. Whoever lets go last destroys it.
///
/// Thread:  the members are the consumer's, unless said otherwise.
class generator_state : public runnable, public list_link<generator_tag> {
 public:
  generator_state(const generator_state&) = delete;
  generator_state& operator=(const generator_state&) = delete;

  [[nodiscard]] bool begun() const noexcept { return stage_.load(std::memory_order_relaxed) != stage::fresh; }
  [[nodiscard]] bool ended() const noexcept { return stage_.load(std::memory_order_relaxed) == stage::ended; }

  /// The first step is about to be taken on `loop`.
  void begin(home& loop) noexcept;
  /// The body has ended, or never will begin.
  void end() noexcept;

  /// The generator object goes: a body that is suspended at a co_yield is closed by its loop, in a task of its own.
  void drop() noexcept;

  /// Takes a share in the frame, for a loop that closes its generators.   Thread: the loop's, under its lock.
  void hold() noexcept { references_.add(); }
  void release() noexcept;

  /// Runs the clean-up at the suspended co_yield.
  [[nodiscard]] virtual coro<> close() = 0;
  /// `<async_generator object f at 0x...>`
  void append_text(std::string& out) const;
  [[nodiscard]] virtual const promise_base& promise() const noexcept = 0;

  bool inside = false;  // its body runs, or awaits something for a consumer

 protected:
  generator_state() noexcept : runnable(&start_closing) {}
  ~generator_state() = default;

 private:
  enum class stage : std::uint8_t { fresh, begun, ended };
  static void start_closing(runnable& r, fate f) noexcept;
  virtual void destroy() noexcept = 0;

  std::atomic<stage> stage_{stage::fresh};
  ref_count references_;
  loop_identity* loop_ = nullptr;  // where it was begun
  std::uint32_t era_ = 0;
};

/// Closes a generator that this call holds, and reports an error to the running loop.
[[nodiscard]] coro<> close_held(generator_state* g);

}  // namespace gyre::detail
