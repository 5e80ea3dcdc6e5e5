// SPDX-License-Identifier: BSL-1.0
#include "forked.hpp"

#include "loop_core.hpp"

#include <pthread.h>

#include <cstdio>
#include <cstdlib>

namespace gyre::detail {
namespace {

std::atomic<int> loops_alive{0};

// The only thread of the child. The marks on the loop that it was in, if any, are looked at on ways that are slow anyhow.
extern "C" void note_fork() {
  if (loops_alive.load(std::memory_order_relaxed) == 0) return;
  forked.store(true, std::memory_order_relaxed);
  thread_state& thread = this_thread();
  if (thread.loop != nullptr) {
    auto& l = static_cast<loop_core&>(*thread.loop);
    l.set_debug_mode(true);  // run_timed() looks before it runs the next entry
    l.stop_requested.store(true, std::memory_order_relaxed);
  }
  thread = thread_state();
}

}  // namespace

counted_loop::counted_loop() noexcept {
  static const int registered = ::pthread_atfork(nullptr, nullptr, &note_fork);
  static_cast<void>(registered);  // without memory for it the child goes unmarked
  loops_alive.fetch_add(1, std::memory_order_relaxed);
}

counted_loop::~counted_loop() { loops_alive.fetch_sub(1, std::memory_order_relaxed); }

void end_forked_child() noexcept {
  std::fputs("gyre: a forked process came back to an event loop of its parent; only exec or _exit may follow fork()\n",
             stderr);
  std::_Exit(70);
}

}  // namespace gyre::detail
