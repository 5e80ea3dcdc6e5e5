// SPDX-License-Identifier: BSL-1.0
#pragma once
// Where errors go that nobody took.  Layer: loop.  Bodies: lib/loop/exception_handler.cpp
#include <gyre/base/spin_lock.hpp>
#include <gyre/base/unique_function.hpp>
#include <gyre/core/task.hpp>
#include <gyre/loop/handle.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <string>

namespace gyre {

class event_loop;

/// What an exception handler is told.   Like: the context dictionary of asyncio.
class exception_context {
 public:
  exception_context() = default;
  explicit exception_context(std::string text) : message(std::move(text)) {}

  std::string message;           ///< what happened, one line
  std::exception_ptr exception;  ///< null if there is none
  std::string details;  ///< text of the task, future or handle concerned, and where it comes from; may be empty
  any_task task;        ///< the task concerned, or an empty handle
  any_future future;    ///< the future concerned, if it is no task
  std::optional<gyre::handle> handle;  ///< the callback concerned
};

using exception_handler = unique_function<void(event_loop&, const exception_context&)>;

namespace detail {

/// Holds a loop's handler; without one, reports go to stderr.
///
/// Thread:  any. The handler runs on the thread that found the error: calls for errors found on different loops may overlap.
class exception_handler_slot {
 public:
  void set(exception_handler handler);
  [[nodiscard]] std::shared_ptr<exception_handler> get() const noexcept;
  void call(event_loop& loop, const exception_context& context) noexcept;

 private:
  mutable spin_lock lock_;
  std::shared_ptr<exception_handler> handler_;
};

void print_report(const exception_context& context) noexcept;

}  // namespace detail
}  // namespace gyre
