// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/text.hpp>
#include <gyre/loop/exception_handler.hpp>

#include <cstdio>
#include <mutex>

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
    exception_context broken("Unhandled error in exception handler");
    broken.exception = std::current_exception();
    broken.details = context.message;
    print_report(broken);
    print_report(context);
  }
}

}  // namespace gyre::detail
