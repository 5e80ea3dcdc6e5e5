// SPDX-License-Identifier: BSL-1.0
#pragma once
// Who continues the parent of a fork-join: the count of a gather and the debts of its children.  Layer: flow.
//
//   debt       A child owes 1. A child that ends and finds a sibling at the newest end of its own deque hands its debt on
//              and lets the sibling run: no atomic operation. Otherwise it subtracts its debt from pending_.
//   the last   is the child whose debt is the whole count, or whose subtraction leaves 0. It continues the parent.
//   failed_    the first child that ended with an error; it resumes the parent at once and keeps its debt, which the
//              parent subtracts when it has read the error. If that leaves something, the block is an orphans' block: the
//              last child frees it.
//
//   child                                          parent that a failure resumed
//   F1 failed_: null -> this child                 Q1 failed_: reads the error
//   D1 pending_ -= its debt, acq_rel               Q2 pending_ -= the failed child's debt, acq_rel
//
// Proof:  F1 comes before Q1, as that child continues the parent.
//         The debts add up to pending_, so exactly one subtraction leaves 0, and by acq_rel it sees what all others did
//         before theirs: results, and F1 with Q1, which come before Q2. A child that leaves 0 and finds no failed_ is the
//         only one to continue the parent; one that finds it comes after Q2, and so the block is its own.
#include <gyre/base/policy.hpp>

#include <cstdint>

namespace gyre::detail {

/// Child has a number `debt`, the running thread's, which starts as 1.
template <class Child, class Policy = std_policy>
class basic_fork_debts {
 public:
  /// What is to be done after a child has ended that had nobody to hand its debt to.
  enum class step : std::uint8_t { parent, nothing, free_block };

  /// Published by whatever shows the children.
  explicit basic_fork_debts(std::uint32_t count) noexcept : pending_(count), total_(count) {}

  /// The children of another gather begin, as many as there were. None of the last ones has failed.
  void restart(std::uint32_t count) noexcept { pending_.store(count, std::memory_order_relaxed); }

  /// True for the first child that failed: it continues the parent.
  [[nodiscard]] bool fail(Child& c) noexcept {
    Child* none = nullptr;
    return failed_.compare_exchange_strong(none, &c, std::memory_order_relaxed, std::memory_order_relaxed);  // F1
  }
  /// In the parent: who failed, null if nobody has.
  [[nodiscard]] Child* failed() const noexcept { return failed_.load(std::memory_order_relaxed); }  // Q1

  // A child has ended. If fail() has not made it the one to continue the parent, the first of these that holds decides:
  //   owes_all()                           it continues the parent
  //   a sibling comes out of the deque     hand_on(), and the sibling runs
  //   settle()                             as that says; what else came out of the deque runs afterwards

  [[nodiscard]] bool owes_all(const Child& c) const noexcept { return c.debt == total_; }
  static void hand_on(const Child& c, Child& sibling) noexcept { sibling.debt += c.debt; }
  /// No sibling is left here: thieves have some, or all have ended.
  [[nodiscard]] step settle(const Child& c) noexcept {
    if (!pay(c.debt)) return step::nothing;
    return failed_.load(std::memory_order_relaxed) == nullptr ? step::parent
                                                              : step::free_block;  // after F1 and Q2, by D1
  }

  /// The parent has read the error of the failed child. True: no child is left, the block is the caller's.
  [[nodiscard]] bool settle_for_failed() noexcept {
    return pay(failed_.load(std::memory_order_relaxed)->debt);  // the parent's since Q1
  }

 private:
  [[nodiscard]] bool pay(std::uint32_t debt) noexcept {
    return pending_.fetch_sub(debt, std::memory_order_acq_rel) == debt;  // D1, Q2
  }

  typename Policy::template atomic<std::uint32_t> pending_;
  const std::uint32_t total_;
  typename Policy::template atomic<Child*> failed_{nullptr};
};

}  // namespace gyre::detail
