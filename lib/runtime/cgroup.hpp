// SPDX-License-Identifier: BSL-1.0
#pragma once
// CPU quotas of control groups.  Layer: runtime.  Bodies: lib/runtime/cgroup.cpp
#include <optional>
#include <string>
#include <string_view>

namespace gyre::detail {

/// The cores that a version 2 group's cpu.max allows, rounded up: `QUOTA PERIOD` in microseconds; none for `max PERIOD` and
/// for what cannot be read.
[[nodiscard]] std::optional<int> cores_of_cpu_max(std::string_view text) noexcept;

/// The same for a version 1 group's cpu.cfs_quota_us and cpu.cfs_period_us; none for -1.
[[nodiscard]] std::optional<int> cores_of_cfs(std::string_view quota, std::string_view period) noexcept;

/// The smallest quota of this process's groups and of all groups above them that it can see; none without one.
///
/// `root` stands before /proc and /sys: empty but in tests.   Throws: std::bad_alloc.
[[nodiscard]] std::optional<int> cores_of_cgroups(const std::string& root);

}  // namespace gyre::detail
