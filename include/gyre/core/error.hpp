// SPDX-License-Identifier: BSL-1.0
#pragma once
// The exceptions of gyre.  Layer: core.  Bodies: lib/core/error.cpp
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>

namespace gyre {

/// Root of what gyre throws for misuse and failures.   Like: RuntimeError.
class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A call that needs a running loop was made where none runs.
class no_running_loop : public error {
 public:
  using error::error;
};
/// The loop was closed; nothing can be scheduled on it any more.
class loop_closed : public error {
 public:
  using error::error;
};
/// run() inside a running loop, or a second run of one loop.
class already_running : public error {
 public:
  using error::error;
};
/// A bare coroutine was awaited, or made a task, a second time.
class already_awaited : public error {
 public:
  using error::error;
};
/// The call would wait for something that only the caller's own thread or task could bring about.
class would_deadlock : public error {
 public:
  using error::error;
};
/// A task or future of another runtime was awaited.
class foreign_runtime : public error {
 public:
  using error::error;
};
/// The process was forked from one with event loops: its copy of them must not be used. Only exec or _exit may follow.
class forked_child : public error {
 public:
  using error::error;
};
/// A result was asked for too early, or set twice.   Like: InvalidStateError.
class invalid_state_error : public error {
 public:
  using error::error;
};
/// A time limit passed.   Like: TimeoutError.
class timeout_error : public error {
 public:
  timeout_error() : error("timed out") {}
  using error::error;
};
/// get_nowait() on an empty queue.   Like: QueueEmpty.
class queue_empty : public error {
 public:
  queue_empty() : error("queue is empty") {}
};
/// put_nowait() on a full queue.   Like: QueueFull.
class queue_full : public error {
 public:
  queue_full() : error("queue is full") {}
};
/// put() on a queue that was shut down, or get() when nothing is left in it.   Like: QueueShutDown.
class queue_shut_down : public error {
 public:
  queue_shut_down() : error("queue is shut down") {}
};
/// A barrier was aborted, or reset under those who waited.   Like: BrokenBarrierError.
class broken_barrier_error : public error {
 public:
  using error::error;
};

/// An argument has a value that the call cannot take.   Like: ValueError.
class value_error : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};
/// Something that was looked up is not there.   Like: LookupError.
class lookup_error : public std::out_of_range {
 public:
  using std::out_of_range::out_of_range;
};

/// Root of what must not be caught by accident: not a std::exception.   Like: BaseException.
class base_exception {
 public:
  explicit base_exception(std::string message = {}) : message_(std::move(message)) {}
  base_exception(const base_exception&) = default;
  base_exception& operator=(const base_exception&) = default;
  virtual ~base_exception() = default;

  [[nodiscard]] virtual const char* what() const noexcept { return message_.c_str(); }

 private:
  std::string message_;
};

/// Delivered at an await of a task whose cancel() was called; `catch (const std::exception&)` does not see it.
///
/// Like:    asyncio.CancelledError. what() is the message given to cancel(), empty if none was.
class cancelled_error : public base_exception {
 public:
  using base_exception::base_exception;
};
/// The program was interrupted (SIGINT).   Like: KeyboardInterrupt.
class keyboard_interrupt : public base_exception {
 public:
  using base_exception::base_exception;
};
/// The program is to end with an exit code.   Like: SystemExit.
class system_exit : public base_exception {
 public:
  explicit system_exit(int code = 0) : code_(code) {}
  [[nodiscard]] int code() const noexcept { return code_; }

 private:
  int code_;
};

namespace detail {

/// The exception object as an E, or null if it is of another type. Does not throw to find out, which costs microseconds.
template <class E>
[[nodiscard]] const E* caught_as(const std::exception_ptr& error) noexcept;

/// Base of all that is looked for: the object behind `error` seen as `type`, or null.
[[nodiscard]] const void* caught_object(const std::exception_ptr& error, const std::type_info& type) noexcept;

template <class E>
const E* caught_as(const std::exception_ptr& error) noexcept {
  return static_cast<const E*>(caught_object(error, typeid(E)));
}

/// An E that is thrown while another error is handled: that one is its cause, for std::rethrow_if_nested.   Like: raise from.
template <class E>
class caused final : public E, public std::nested_exception {
 public:
  using E::E;
};

/// A cancelled_error with that message; without it where there is no memory for it.
[[nodiscard]] std::exception_ptr cancelled_with(std::string_view message) noexcept;

/// True for keyboard_interrupt and system_exit: they leave the loop's run function too.
[[nodiscard]] bool ends_program(const std::exception_ptr& error) noexcept;

}  // namespace detail
}  // namespace gyre
