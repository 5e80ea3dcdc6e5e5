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
  make_report(this_thread().loop, "a coroutine was never awaited", [&frame](report& r) {
    r.message = "coroutine '";
    r.message += name_of(frame);
    r.message += "' was never awaited";
  });
}

void throw_already_awaited(const char* call) {
  throw already_awaited(std::string(call) + ": this coroutine was already awaited or made a task");
}

}  // namespace gyre::detail
