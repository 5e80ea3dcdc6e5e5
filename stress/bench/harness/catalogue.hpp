// SPDX-License-Identifier: BSL-1.0
#pragma once
// The workloads: what one operation is, and how much of it a run does.  The same for every runtime.
#include <cstdint>
#include <span>
#include <string_view>

namespace bench {

/// One row of the tables.
struct workload_info {
  std::string_view name;
  std::string_view body;    ///< what the programs call it
  std::int64_t size;        ///< passed on as --size; for echo, the requests of one run
  std::int64_t light_size;  ///< the same for interpreters
  std::int64_t quick_size;  ///< the same under --quick
  std::int64_t warmup;      ///< size of the untimed run before the timed one, in the same process; 0: none
  int connections;          ///< echo only: a server is measured from outside
  bool keeps_tasks;         ///< all tasks live at once: memory per task is worth a figure
  std::string_view op;      ///< what is counted
};

std::span<const workload_info> catalogue() noexcept;

}  // namespace bench
