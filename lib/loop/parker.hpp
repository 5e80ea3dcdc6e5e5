// SPDX-License-Identifier: BSL-1.0
#pragma once
// Where a loop sleeps. The reactor is one; the simulation replaces it.  Layer: loop.
#include <cstdint>

namespace boost::asio {
class io_context;
}

namespace gyre::detail {

class parker {
 public:
  virtual ~parker() = default;

  /// Blocks until wake(), an I/O completion or `deadline` (on the loop's clock; `never` for none). May return early.
  /// Thread:  the loop's.
  virtual void wait(std::int64_t deadline) = 0;

  /// Ends a wait() that runs now or the next one. False if a wake-up was on its way already.
  /// Thread:  any, also a signal handler's thread.
  virtual bool wake() noexcept = 0;

  /// Makes wait() return at `deadline` at the latest, from another thread.
  virtual void wake_at(std::int64_t deadline) noexcept = 0;

  /// Runs I/O completions that are there, without blocking. True if any ran.
  /// Thread:  any; returns false at once while another thread is in here or in wait().
  virtual bool poll() = 0;

  /// True if there may be completions for poll() to find.
  [[nodiscard]] virtual bool has_io() const noexcept = 0;

  /// The io_context whose handlers wait() and poll() run, for others to use: has_io() is true from now on. `first` tells
  /// whether this is the first call.
  [[nodiscard]] virtual boost::asio::io_context& lend_context(bool& first) = 0;
};

}  // namespace gyre::detail
