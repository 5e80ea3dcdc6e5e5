// SPDX-License-Identifier: BSL-1.0
// Why SIGURG: its default action is to be ignored, so that one that comes late, or reaches a thread that knows nothing of it,
// does no harm.
//
// The handler interrupts its thread anywhere. It takes no lock and allocates nothing: backtrace() has been called before, so
// its library is there, and it finds frames without a lock (libgcc since GCC 12 on glibc 2.35). What it reads of tasks belongs
// to its own thread, but a task that has just ended may be gone in the very instant before the loop notes it: therefore it is
// read through the kernel, which refuses an address instead of ending the process.
#include "thread_stack.hpp"

#include "stack_request.hpp"
#include "symbols.hpp"

#include <gyre/base/text.hpp>
#include <gyre/core/current.hpp>
#include <gyre/core/task_core.hpp>

#include <execinfo.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <mutex>
#include <thread>

namespace gyre::detail {
namespace {

constexpr std::size_t handler_frames = 2;  // the handler's own, and the signal's

basic_stack_request<thread_stack> the_request;  // the one of the process

bool read_memory(const void* from, void* to, std::size_t size) noexcept {
  iovec local{to, size};
  iovec remote{const_cast<void*>(from), size};
  return ::process_vm_readv(::getpid(), &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

void note_awaits(thread_stack& out) noexcept {
  out.await_count = 0;
  out.task = this_thread().current;
  if (out.task == nullptr) return;
  std::coroutine_handle<> at;
  if (!read_memory(&out.task->resume_point, &at, sizeof at)) return;
  alignas(promise_base) std::byte room[sizeof(promise_base)];
  while (at != nullptr && out.await_count < thread_stack::most_awaits) {
    if (!read_memory(&promise_base::of(at), room, sizeof room)) return;
    const auto* frame = reinterpret_cast<const promise_base*>(room);
    out.awaits[out.await_count++] = frame->line;
    at = frame->continuation;
  }
}

extern "C" void note_stack(int) {
  const int error = errno;
  the_request.answer(static_cast<int>(::syscall(SYS_gettid)), [](thread_stack& out) {
    out.frame_count = static_cast<std::size_t>(::backtrace(out.frames.data(), static_cast<int>(out.frames.size())));
    note_awaits(out);
  });
  errno = error;
}

bool install() noexcept {
  std::array<void*, 1> room{};
  static_cast<void>(::backtrace(room.data(), static_cast<int>(room.size())));
  struct sigaction before{};
  if (::sigaction(SIGURG, nullptr, &before) != 0) return false;
  const bool free =
      (before.sa_flags & SA_SIGINFO) == 0 && (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN);
  if (!free) return false;
  struct sigaction ours{};
  ours.sa_handler = &note_stack;
  ours.sa_flags = SA_RESTART | SA_ONSTACK;
  ::sigfillset(&ours.sa_mask);
  return ::sigaction(SIGURG, &ours, nullptr) == 0;
}

// The lines are constants of the program, or what was read was no frame any more.
bool is_constant(const std::source_location& place) noexcept {
  static_assert(sizeof place == sizeof(const void*), "a source_location is a pointer to a constant");
  const void* constant = nullptr;
  std::memcpy(&constant, &place, sizeof constant);
  return in_loaded_object(constant);
}

}  // namespace

bool prepare_stacks() noexcept {
  static const bool ready = install();
  return ready;
}

bool take_stack_of(int tid, thread_stack& out) {
  static std::mutex one_at_a_time;
  const std::lock_guard hold(one_at_a_time);
  the_request.ask(tid);
  bool asked = ::syscall(SYS_tgkill, ::getpid(), tid, SIGURG) == 0;
  for (int ms = 0; asked && ms < 500 && !the_request.is_answered(); ++ms) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (the_request.withdraw(tid)) return false;
  the_request.take(out);
  return true;
}

void thread_stack::append_awaits(std::string& out) const {
  for (std::size_t i = 0; i < await_count && is_constant(awaits[i]); ++i) {
    out += i == 0 ? "\n  at " : "\n  awaited at ";
    append_place(out, awaits[i]);
    out += " in ";
    out += coroutine_name(awaits[i].function_name());
    out += "()";
  }
}

void thread_stack::append_frames(std::string& out) const {
  for (std::size_t i = handler_frames; i < frame_count; ++i) {
    out += "\n  #";
    append_unsigned(out, i - handler_frames);
    out += ' ';
    append_symbol(out, frames[i], i != handler_frames);
  }
}

}  // namespace gyre::detail
