// SPDX-License-Identifier: BSL-1.0
#pragma once
// The one source of "now": monotonic nanoseconds, replaceable by a virtual clock.  Layer: base.
#include <chrono>
#include <cstdint>
#include <limits>

namespace gyre {

/// Where a loop reads the time. Simulation and tests replace it; everything else uses `steady()`.
///
/// Thread:  now() and roughly_now() may be called from any thread.
class time_source {
 public:
  virtual ~time_source() = default;

  /// Nanoseconds since a fixed point; never decreases.
  [[nodiscard]] virtual std::int64_t now() const noexcept = 0;
  /// What now() gave at this moment or some milliseconds ago: where the system has such a clock, a look at it costs a quarter.
  [[nodiscard]] virtual std::int64_t roughly_now() const noexcept { return now(); }

  /// The operating system's monotonic clock.
  static time_source& steady() noexcept;
};

/// std::chrono clock of gyre's loops: the type of their time points. Read a loop's own time with event_loop::now().
struct loop_clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<loop_clock>;
  static constexpr bool is_steady = true;
};

namespace detail {

inline constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

/// Any std::chrono duration as nanoseconds, clamped to the range of std::int64_t instead of overflowing.
///
/// Shape:   the caller has refused NaN.
template <class Rep, class Period>
[[nodiscard]] constexpr std::int64_t clamped_nanoseconds(std::chrono::duration<Rep, Period> d) noexcept {
  using wide = std::chrono::duration<long double, std::nano>;
  constexpr auto lowest = static_cast<long double>(std::numeric_limits<std::int64_t>::min());
  constexpr auto highest = static_cast<long double>(std::numeric_limits<std::int64_t>::max());
  const long double ns = std::chrono::duration_cast<wide>(d).count();
  if (ns >= highest) return std::numeric_limits<std::int64_t>::max();
  if (ns <= lowest) return std::numeric_limits<std::int64_t>::min();
  if constexpr (std::is_integral_v<Rep>) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(d).count();
  } else {
    return static_cast<std::int64_t>(ns);
  }
}

/// `start + delay` without overflow; a delay that reaches past the end of the clock means "never".
[[nodiscard]] constexpr std::int64_t deadline_after(std::int64_t start, std::int64_t delay) noexcept {
  if (delay > 0 && start > never - delay) return never;
  return start + delay;
}

}  // namespace detail
}  // namespace gyre
