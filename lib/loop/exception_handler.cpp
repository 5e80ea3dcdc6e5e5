// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/text.hpp>
#include <gyre/core/home.hpp>
#include <gyre/loop/exception_handler.hpp>

#include <cstdio>
#include <mutex>
#include <new>
#include <utility>

namespace gyre::detail {

void print_report(const exception_context& context) noexcept {
  try {
    std::string text = context.message;
    if (!context.details.empty()) {
      text += "\n  ";
      text += context.details;
    }
    if (context.exception != nullptr) {
      text += "\n  ";
      append_exception(text, context.exception);
    }
    std::fprintf(stderr, "%s\n", text.c_str());
  } catch (...) {
    std::fprintf(stderr, "gyre: an error could not be reported: out of memory\n");
  }
}

namespace {

void print_broken_handler(std::exception_ptr error, const exception_context& reported) noexcept {
  try {
    exception_context broken("Unhandled error in exception handler");
    broken.exception = std::move(error);
    broken.details = reported.message;
    print_report(broken);
  } catch (const std::bad_alloc&) {
    print_short("Unhandled error in exception handler");
  }
  print_report(reported);
}

}  // namespace

void exception_handler_slot::set(exception_handler handler) {
  auto fresh = handler ? std::make_shared<exception_handler>(std::move(handler)) : nullptr;
  const std::lock_guard hold(lock_);
  handler_.swap(fresh);
}

std::shared_ptr<exception_handler> exception_handler_slot::get() const noexcept {
  const std::lock_guard hold(lock_);
  return handler_;
}

void exception_handler_slot::call(event_loop& loop, const exception_context& context) noexcept {
  const std::shared_ptr<exception_handler> handler = get();
  if (handler == nullptr) {
    print_report(context);
    return;
  }
  try {
    (*handler)(loop, context);
  } catch (...) {
    print_broken_handler(std::current_exception(), context);
  }
}

}  // namespace gyre::detail
