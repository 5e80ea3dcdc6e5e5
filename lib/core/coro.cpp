// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/text.hpp>
#include <gyre/core/coro.hpp>
#include <gyre/core/home.hpp>

#include <cstdio>
#include <new>

namespace gyre::detail {

void append_coroutine_object(std::string& out, const void* frame, std::string_view name) {
  out += "<coroutine object ";
  out += name;
  out += " at ";
  append_address(out, frame);
  out += '>';
}

std::string_view name_of(const promise_base& frame) noexcept { return coroutine_name(frame.line.function_name()); }

void report_never_awaited(const promise_base& frame) noexcept {
  const std::string_view name = name_of(frame);
  if (home* loop = this_thread().loop; loop != nullptr) {
    try {
      report r;
      r.message = "coroutine '";
      r.message += name;
      r.message += "' was never awaited";
      return loop->report_error(std::move(r));
    } catch (const std::bad_alloc&) {  // a destructor calls this: it is told without memory
    }
  }
  std::fprintf(stderr, "coroutine '%.*s' was never awaited\n", static_cast<int>(name.size()), name.data());
}

void throw_already_awaited(const char* call) {
  throw already_awaited(std::string(call) + ": this coroutine was already awaited or made a task");
}

}  // namespace gyre::detail
