// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/clock.hpp>

#include <ctime>

namespace gyre {
namespace {

class steady_time final : public time_source {
 public:
  [[nodiscard]] std::int64_t now() const noexcept override {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
  [[nodiscard]] std::int64_t roughly_now() const noexcept override {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    constexpr std::int64_t second = 1'000'000'000;
    return time.tv_sec * second + time.tv_nsec;
  }
};

}  // namespace

time_source& time_source::steady() noexcept {
  static auto* const instance = new steady_time;  // never destroyed: loops may run when static objects end
  return *instance;
}

}  // namespace gyre
