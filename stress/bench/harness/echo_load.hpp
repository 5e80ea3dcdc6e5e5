// SPDX-License-Identifier: BSL-1.0
#pragma once
// The load generator of the echo workloads: one thread on raw epoll, so that it is never slower than the servers.
#include <cstdint>

namespace bench {

/// Sends 64-byte requests on `connections` connections, one in flight on each, checks every reply, prints a record.
///
/// Shape:  `requests` timed requests after 5 % untimed ones, but no longer than five seconds.
/// Returns the exit status; a wrong reply, a closed connection and a silence of five seconds are failures.
int run_echo_load(int port, int connections, std::int64_t requests);

}  // namespace bench
