// SPDX-License-Identifier: BSL-1.0
#include <gyre/core/current.hpp>
#include <gyre/core/error.hpp>
#include <gyre/core/frame_pool.hpp>

#include <string>

extern "C" {
// By this name for the assembly in the header, which an optimizer of whole programs does not look into.
extern constinit thread_local gyre::detail::thread_block gyre_thread_block;
[[gnu::used]] constinit thread_local gyre::detail::thread_block gyre_thread_block{{}, &gyre::detail::no_cells};
}

namespace gyre::detail {

#if !(defined(__x86_64__) && defined(__LP64__) && defined(__ELF__))
thread_block& this_thread_block() noexcept {
  asm volatile("" ::: "memory");  // keeps the compiler from treating the function as const
  return gyre_thread_block;
}
#endif

std::atomic<bool> forked{false};

void throw_forked(const char* call) {
  throw forked_child(std::string(call) +
                     ": this process was forked from one with event loops; only exec or _exit may follow");
}

void throw_no_loop(const char* call, const char* why) {
  refuse_if_forked(call);
  throw no_running_loop(std::string(call) + ": " + why);
}

}  // namespace gyre::detail
