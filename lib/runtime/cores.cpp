// SPDX-License-Identifier: BSL-1.0
#include "cores.hpp"

#include "cgroup.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <thread>

namespace gyre {
namespace detail {
namespace {

// The mask that this thread had before it was tied; empty while it is not.
std::optional<cpu_set_t>& mask_before_tie() noexcept {
  static thread_local std::optional<cpu_set_t> mask;
  return mask;
}

std::optional<cpu_set_t> free_mask() noexcept {
  if (mask_before_tie()) return mask_before_tie();
  cpu_set_t now;
  CPU_ZERO(&now);
  if (::sched_getaffinity(0, sizeof now, &now) != 0) return std::nullopt;
  return now;
}

int cores_of_mask() noexcept {
  const std::optional<cpu_set_t> mask = free_mask();
  return mask ? CPU_COUNT(&*mask) : static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

core_tie::core_tie(std::size_t index) noexcept : thread_(static_cast<pid_t>(::syscall(SYS_gettid))) {
  const std::optional<cpu_set_t> usable = free_mask();
  if (!usable || CPU_COUNT(&*usable) == 0) return;
  std::size_t rest = index % static_cast<std::size_t>(CPU_COUNT(&*usable));
  std::size_t core = 0;
  while (!CPU_ISSET(core, &*usable) || rest-- != 0) ++core;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(core, &one);
  if (mask_before_tie() || ::sched_setaffinity(thread_, sizeof one, &one) != 0) return;
  before_ = usable;
  mask_before_tie() = usable;
}

core_tie::~core_tie() {
  if (!before_) return;
  ::sched_setaffinity(thread_, sizeof *before_, &*before_);
  if (thread_ == static_cast<pid_t>(::syscall(SYS_gettid))) mask_before_tie().reset();
}

inherited_mask::inherited_mask() noexcept : mask_(mask_before_tie()) {}

void inherited_mask::apply() const noexcept {
  if (mask_) ::sched_setaffinity(0, sizeof *mask_, &*mask_);
}

}  // namespace detail

int usable_cores() noexcept {
  int cores = detail::cores_of_mask();
  try {
    if (const std::optional<int> quota = detail::cores_of_cgroups({}); quota) cores = std::min(cores, *quota);
  } catch (const std::bad_alloc&) {  // then the mask alone has to do
  }
  return std::max(1, cores);
}

}  // namespace gyre
