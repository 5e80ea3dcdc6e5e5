// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/assert.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace gyre::detail {
namespace {

// Written once by the core layer before the first loop runs; read only on the way to abort(). A function needs no publishing.
std::atomic<void (*)(std::string&)> running_context{nullptr};

}  // namespace

void set_assert_context(void (*append_running)(std::string& out)) noexcept {
  running_context.store(append_running, std::memory_order_relaxed);
}

void assert_failed(const char* expression, const char* what, std::source_location where) noexcept {
  std::string running;
  if (auto* append = running_context.load(std::memory_order_relaxed)) append(running);
  std::fprintf(stderr, "gyre: broken invariant: %s (%s) at %s:%u%s%s\n", what, expression, where.file_name(),
               static_cast<unsigned>(where.line()), running.empty() ? "" : ", while running ", running.c_str());
  std::abort();
}

}  // namespace gyre::detail
