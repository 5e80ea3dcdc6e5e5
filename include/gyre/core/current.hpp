// SPDX-License-Identifier: BSL-1.0
#pragma once
// Which loop and which task run on this thread. Not a thread_local of this header: a coroutine that moved to another thread
// must not reuse an address of the old thread's storage.  Layer: core.  Bodies: lib/core/current.cpp
#include <gyre/base/config.hpp>
#include <gyre/base/steal_deque.hpp>

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>

namespace gyre::detail {

class home;
class task_core;
class context_slot;
class cell_cache;

/// The counts in a runtime's idle word. A thread with new work looks at the first two; who sleeps is in runtime/parking.
struct idle_bits {
  static constexpr std::uint64_t sleeper = 0xff;      // workers that sleep
  static constexpr std::uint64_t searching = 0xff00;  // workers that look for work
  static constexpr std::uint64_t one_searching = 0x100;
  static constexpr std::uint64_t unparked = 0xff0000;  // workers that are awake
  static constexpr std::uint64_t one_unparked = 0x10000;
  static constexpr std::uint64_t noted = 0x1000000;  // something was pushed while a worker searched

  /// After a push without a read-modify-write: whether somebody must be told, or the push noted. N2 and N3 of runtime/parking.
  template <class Atomics = std_atomics, class Word>
  [[nodiscard]] static bool wants_work_after_push(const Word& word) noexcept {
    Atomics::light_barrier();  // between the push and this look; the sleeper's side is parking's membarrier
    const std::uint64_t now = word.load(std::memory_order_relaxed);
    return (now & sleeper) != 0 && ((now & searching) == 0 || (now & noted) == 0);
  }
  /// After a push by a seq_cst read-modify-write, which a searcher that stops looks for. M2 and M3.
  template <class Atomics = std_atomics, class Word>
  [[nodiscard]] static bool wants_work_after_message(const Word& word) noexcept {
    Atomics::light_barrier();
    const std::uint64_t now = word.load(std::memory_order_seq_cst);
    return (now & sleeper) != 0 && (now & searching) == 0;
  }
};

/// A step in which an eager task takes its first one.
struct outer_step {
  task_core* task;
  const outer_step* next;  // the one around it
};

/// What a thread knows about itself. Only its own thread reads or writes it.
struct thread_state {
  home* loop = nullptr;                     // the loop that runs here, null outside
  task_core* current = nullptr;             // the task whose code runs, null in callbacks
  steal_deque<task_core>* forks = nullptr;  // where gather puts siblings; null in asyncio order
  // The runtime's idle word: is it worth telling that there is work?
  const std::atomic<std::uint64_t>* idle = nullptr;
  std::uint32_t budget = 0;                // steps left in this turn, transfers included
  bool quick = false;                      // fork-joins may go their short way: see loop_core::own_thread_state
  context_slot* context = nullptr;         // of a callback or an entered context; null: the task's, or the thread's
  std::coroutine_handle<> next = nullptr;  // trampoline: see core/transfer.hpp
  bool failure = false;                    // an exception left a coroutine in this step: see core/failure_path.hpp
  const outer_step* outer = nullptr;       // the steps around that of `current`, innermost first

  /// One more transfer? The last unit is the loop's own: it ends the turn.
  [[nodiscard]] bool spend() noexcept {
    if (budget <= 1) [[unlikely]]
      return false;
    --budget;
    return true;
  }
  /// The task whose code runs has ended: what user code still runs, in the destructors of results, must not find it.
  void forget_task() noexcept { current = nullptr; }
};

/// What the library keeps for each thread; its symbol is gyre_thread_block.
struct thread_block {
  thread_state state;
  cell_cache* cells;  // free memory: see core/frame_pool.hpp
};

/// This thread's. The address is asked for anew at each call, which a compiler must not merge with another one around a
/// suspension: assembly that is marked volatile, or else a function out of line.
#if defined(__x86_64__) && defined(__LP64__) && defined(__ELF__)
[[nodiscard]] [[gnu::always_inline]] inline thread_block& this_thread_block() noexcept {
  thread_block* here;
  asm volatile("movq gyre_thread_block@gottpoff(%%rip), %0\n\taddq %%fs:0, %0" : "=r"(here) : : "cc");
  return *here;
}
#else
[[nodiscard]] GYRE_NOINLINE thread_block& this_thread_block() noexcept;
#endif

/// This thread's free cells: the same, one instruction less.
#if defined(__x86_64__) && defined(__LP64__) && defined(__ELF__)
[[nodiscard]] [[gnu::always_inline]] inline cell_cache& this_thread_cells() noexcept {
  cell_cache* cells;
  asm volatile("movq gyre_thread_block@gottpoff(%%rip), %0\n\tmovq %%fs:%c1(%0), %0"
               : "=r"(cells)
               : "i"(offsetof(thread_block, cells)));
  return *cells;
}
#else
[[nodiscard]] inline cell_cache& this_thread_cells() noexcept { return *this_thread_block().cells; }
#endif

/// This thread's state. A reference must not be kept over a suspension.
[[nodiscard]] inline thread_state& this_thread() noexcept { return this_thread_block().state; }

/// True in a process that was forked while event loops existed. Set by loop/forked; no thread but the one that forked lives.
extern std::atomic<bool> forked;
[[nodiscard]] inline bool is_forked() noexcept { return forked.load(std::memory_order_relaxed); }
[[noreturn]] void throw_forked(const char* call);
/// Throws forked_child, naming `call`, in such a process.
inline void refuse_if_forked(const char* call) {
  if (is_forked()) [[unlikely]]
    throw_forked(call);
}
/// Throws no_running_loop: `call` and why; forked_child in such a process, where the forking thread has lost its loop.
[[noreturn]] void throw_no_loop(const char* call, const char* why);

}  // namespace gyre::detail
