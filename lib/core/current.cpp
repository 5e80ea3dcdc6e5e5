// SPDX-License-Identifier: BSL-1.0
#include <gyre/core/current.hpp>
#include <gyre/core/error.hpp>

#include <string>

namespace gyre::detail {
namespace {

constinit thread_local thread_state state{};

}  // namespace

thread_state& this_thread() noexcept {
  // Keeps the compiler from treating the function as const and merging two calls around a suspension.
  asm volatile("" ::: "memory");
  return state;
}

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
