// SPDX-License-Identifier: BSL-1.0
#include "stack.hpp"
#include "sanitizers.hpp"

#include <gyre/base/spin_lock.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <mutex>
#include <new>

namespace gyre::detail {
namespace {

constexpr std::size_t instrumented_growth = address_sanitized ? 4 : 1;  // frames have red zones then
constexpr std::size_t smallest = std::size_t{16} * 1024;
constexpr std::size_t largest = std::size_t{1} << 30U;
constexpr std::size_t size_classes =
    static_cast<std::size_t>(std::bit_width(largest * instrumented_growth) - std::bit_width(smallest)) + 1;
constexpr std::size_t most_pooled = std::size_t{128} * 1024 * 1024;  // bytes of address space: 1024 of the usual size
constexpr std::size_t huge_page = std::size_t{2} * 1024 * 1024;
constexpr std::size_t stack_alignment = 64;  // of the head, which is where the stack begins

std::size_t page_size() noexcept {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

std::size_t class_of(std::size_t mapped) noexcept {
  return static_cast<std::size_t>(std::bit_width(mapped) - std::bit_width(smallest));
}

// How much of [low, low + size) was ever touched, counted from its upper end.
std::size_t touched_bytes(std::byte* low, std::size_t size) noexcept {
  constexpr std::size_t batch = 256;
  const std::size_t page = page_size();
  for (std::size_t at = 0; at < size; at += batch * page) {
    std::array<unsigned char, batch> resident{};
    const std::size_t length = std::min(batch * page, size - at);
    if (::mincore(low + at, length, resident.data()) != 0) return 0;
    const auto is_resident = [](unsigned char flags) { return (flags & 1U) != 0; };
    const auto first = std::find_if(resident.begin(), resident.end(), is_resident);
    if (first != resident.end()) return size - at - static_cast<std::size_t>(first - resident.begin()) * page;
  }
  return 0;
}

}  // namespace

std::size_t usable_stack_size(std::size_t wanted) {
  if (wanted > largest) throw value_error("fiber: a stack of more than 1 GiB");
  return std::bit_ceil(std::max(wanted, smallest)) * instrumented_growth;
}

/// guard_     the free lists and counts: some instructions, on the way of each fiber
/// mappings_  the list of all stacks: held for system calls, on the way of new mappings and of fiber_stats() only
class stack_pool {
 public:
  static stack_pool& instance() noexcept {
    // Never destroyed: fibers of a thread that was left behind may end after main.
    alignas(stack_pool) static std::byte memory[sizeof(stack_pool)];
    static auto* const pool = new (memory) stack_pool;
    return *pool;
  }

  fiber_stack& take(std::size_t bytes) {
    fiber_stack*& first = free_[class_of(bytes)];
    {
      const std::lock_guard hold(guard_);
      if (fiber_stack* const stack = first; stack != nullptr) {
        first = stack->next_free_;
        pooled_bytes_ -= bytes;
        --counts_.pooled;
        ++counts_.in_use;
        return *stack;
      }
    }
    fiber_stack& fresh = map(bytes);
    const std::lock_guard hold(guard_);
    ++counts_.in_use;
    return fresh;
  }

  void give(fiber_stack& stack) noexcept {
    asan_forget(stack.low(), stack.usable());
    {
      const std::lock_guard hold(guard_);
      --counts_.in_use;
      if (pooled_bytes_ + stack.mapped_ <= most_pooled) {
        fiber_stack*& first = free_[class_of(stack.mapped_)];
        stack.next_free_ = first;
        first = &stack;
        pooled_bytes_ += stack.mapped_;
        ++counts_.pooled;
        return;
      }
    }
    unmap(stack);
  }

  void leave_behind() noexcept {
    const std::lock_guard hold(guard_);
    --counts_.in_use;
    ++counts_.left_behind;
  }

  fiber_counts count() {
    const std::lock_guard whole(mappings_guard_);
    mappings_.for_each([this](fiber_stack& each) { note_use(each); });
    const std::lock_guard hold(guard_);
    fiber_counts now = counts_;
    now.mapped_bytes = mapped_bytes_;
    now.high_water_bytes = high_water_;
    return now;
  }

 private:
  stack_pool() noexcept = default;

  fiber_stack& map(std::size_t bytes) {
    const std::size_t page = page_size();
    void* const memory = ::mmap(nullptr, bytes + page, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    if (::mprotect(memory, page, PROT_NONE) != 0) {  // the process has as many mappings as it may
      ::munmap(memory, bytes + page);
      throw std::bad_alloc();
    }
    auto* const low = static_cast<std::byte*>(memory) + page;
    if (bytes >= huge_page) ::madvise(low, bytes, MADV_NOHUGEPAGE);  // a large stack is meant to cost what it uses
    constexpr std::size_t head = (sizeof(fiber_stack) + stack_alignment - 1) / stack_alignment * stack_alignment;
    auto* const stack = new (low + bytes - head) fiber_stack(bytes, bytes - head);
    const std::lock_guard whole(mappings_guard_);
    mappings_.push_back(*stack);
    mapped_bytes_ += bytes + page;
    return *stack;
  }

  void unmap(fiber_stack& stack) noexcept {
    const std::size_t length = stack.mapped_ + page_size();
    std::byte* const memory = stack.low() - page_size();
    {
      const std::lock_guard whole(mappings_guard_);
      note_use(stack);
      stack.unlink();
      mapped_bytes_ -= length;
    }
    ::munmap(memory, length);
  }

  void note_use(fiber_stack& stack) noexcept {
    high_water_ = std::max(high_water_, touched_bytes(stack.low(), stack.mapped_));
  }

  spin_lock guard_;
  std::array<fiber_stack*, size_classes> free_{};
  std::size_t pooled_bytes_ = 0;
  fiber_counts counts_;

  std::mutex mappings_guard_;
  intrusive_list<fiber_stack> mappings_;
  std::size_t mapped_bytes_ = 0;
  std::size_t high_water_ = 0;
};

fiber_stack& fiber_stack::take(std::size_t bytes) { return stack_pool::instance().take(bytes); }

void fiber_stack::give(fiber_stack& stack) noexcept {
  stack.control.forget();
  stack_pool::instance().give(stack);
}

void fiber_stack::leave_behind(fiber_stack& stack) noexcept {
  stack.control.forget();
  stack_pool::instance().leave_behind();
}

fiber_counts fiber_stack::count() { return stack_pool::instance().count(); }

}  // namespace gyre::detail
