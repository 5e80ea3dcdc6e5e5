// SPDX-License-Identifier: BSL-1.0
#pragma once
// A door through which gyre-ps, gyre-pstree and gyre-waits look into a running process.  Layer: debug.  Bodies: lib/debug/console.cpp
#include <gyre/loop/event_loop.hpp>

#include <memory>
#include <string>

namespace gyre {

/// Where the console of process `pid` listens unless told otherwise: `$XDG_RUNTIME_DIR/gyre-PID.sock`, or
/// `/tmp/gyre-UID-PID.sock`.
[[nodiscard]] std::string debug_console_path(long pid);

/// While it lives, a Unix socket answers who asks for the tasks of a runtime: `ps` with format_task_table(), `pstree` with
/// format_task_tree(), `waits` with format_wait_graph(). A thread of its own serves it, so that it answers also when every loop is stuck.
///
/// Shape:   make one in main's coroutine, or beside a runtime; it must end before the runtime does.
/// Thread:  any.   Security: only processes of the same user, or root, are answered; the socket's mode is 0600.
/// Throws:  std::system_error when it cannot listen there.
class debug_console {
 public:
  /// For the runtime of the running loop.   Throws: no_running_loop.
  explicit debug_console(std::string path = "");
  explicit debug_console(event_loop& loop, std::string path = "");
  debug_console(const debug_console&) = delete;
  debug_console& operator=(const debug_console&) = delete;
  ~debug_console();

  [[nodiscard]] const std::string& path() const noexcept;

 private:
  class server;
  std::unique_ptr<server> server_;
};

}  // namespace gyre
