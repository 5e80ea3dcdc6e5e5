// SPDX-License-Identifier: BSL-1.0
#pragma once
// The part of a future that several threads touch: how it ended, who may say so, and who is told.  Layer: core.
#include <gyre/base/intrusive_list.hpp>
#include <gyre/base/policy.hpp>

#include <cstdint>
#include <mutex>

namespace gyre::detail {

/// Ends once. Node is what waits for it, an element of an intrusive_list.
///
///   reserved_  false -> true, once, by whoever may fill the slot. Only the winner matters: it orders nothing.
///   status_    pending -> finished | failed | cancelled, once, under lock_; readers acquire it without the lock.
///   nodes_     guarded by lock_; whoever changes status_ takes them all and delivers them in order, lock released.
///   forsaken_  false -> true, once, under lock_. It orders nothing: who adds a node before he looks took that lock.
///
///   one who ends it                            one who waits                     one who only looks
///   E1 reserve(), fills the slot               W1 lock; status_ is pending       R1 status_, acquire
///   E2 lock; status_ = outcome, release        W2 links its node, parks          R2 reads the slot
///      takes nodes_; unlock                       unlock
///   E3 delivers each node
///
/// Proof:  the lock orders E2 and W1..W2. E2 first: W1 sees the outcome and does not wait. W2 first: E2 takes the node, and
///         what waits by it has parked. R1 that reads E2's store sees E1.
template <class Node, class Policy = std_policy>
class basic_completion {
 public:
  enum class status : std::uint8_t { pending, finished, failed, cancelled };

  [[nodiscard]] status outcome() const noexcept {
    return status_.load(std::memory_order_acquire);
  }  // R1, pairs with E2
  [[nodiscard]] bool done() const noexcept { return outcome() != status::pending; }

  /// Takes the right to fill the slot, for callers that race: true for one of them, who then ends it.
  [[nodiscard]] bool reserve() noexcept { return !done() && !reserved_.exchange(true, std::memory_order_relaxed); }

  /// True once its loop was closed before it ended: nobody will complete it. Nodes added before that were dropped, nodes
  /// added later wait for ever.
  [[nodiscard]] bool forsaken() const noexcept { return forsaken_.load(std::memory_order_relaxed); }

  /// Adds a node, unless it is done: then false, and the caller delivers it itself.
  [[nodiscard]] bool add(Node& node) noexcept {
    const std::lock_guard hold(lock_);
    if (!pending()) return false;
    nodes_.push_back(node);
    return true;
  }
  /// The same, but not where nobody will ever complete it.
  [[nodiscard]] bool add_unless_forsaken(Node& node) noexcept {
    const std::lock_guard hold(lock_);
    if (!pending() || forsaken_.load(std::memory_order_relaxed)) return false;
    nodes_.push_back(node);
    return true;
  }

  /// False if nobody waits for it. True if somebody does, or its lock is taken at this moment.
  [[nodiscard]] bool may_have_waiters() noexcept {
    if (!lock_.try_lock()) return true;
    const std::lock_guard hold(lock_, std::adopt_lock);
    return !nodes_.empty();
  }

  /// Takes a node back. False if the completion has it already.
  bool remove(Node& node) noexcept {
    const std::lock_guard hold(lock_);
    if (!pending() || !node.linked()) return false;
    node.unlink();
    return true;
  }
  /// Takes back the first node that a predicate knows; null if none of those still waiting.
  template <class Predicate>
  Node* remove_if(Predicate wanted) noexcept {
    const std::lock_guard hold(lock_);
    Node* found = nullptr;
    if (pending()) {
      nodes_.for_each([&](Node& node) {
        if (found == nullptr && wanted(node)) found = &node;
      });
    }
    if (found != nullptr) found->unlink();
    return found;
  }

  /// What f() gives while nobody can end it, or begin to wait.
  template <class F>
  auto hold_while(F f) const noexcept {
    const std::lock_guard hold(lock_);
    return f();
  }

 protected:
  basic_completion() noexcept = default;
  ~basic_completion() = default;

  /// Ends it and calls deliver(node) for each that waits. False if it was done already.
  template <class Deliver>
  bool settle_with(status outcome, Deliver deliver) noexcept {
    intrusive_list<Node> waiting;
    {
      const std::lock_guard hold(lock_);
      if (!pending()) return false;
      status_.store(outcome, std::memory_order_release);  // E2, pairs with R1
      waiting.splice_back(nodes_);
    }
    while (!waiting.empty()) deliver(waiting.pop_front());  // E3
    return true;
  }

  /// Nobody will end it: calls drop(node) for each that waits. One node at a time, as others may take theirs back meanwhile.
  template <class Drop>
  void forsake(Drop drop) noexcept {
    for (;;) {
      Node* next = nullptr;
      {
        const std::lock_guard hold(lock_);
        forsaken_.store(true, std::memory_order_relaxed);
        if (nodes_.empty()) return;
        next = &nodes_.pop_front();
      }
      drop(*next);
    }
  }

  enum class parking : std::uint8_t { parked, done, refused };
  /// Links the node and parks the running task by `park`, which may be refused: then the node is not linked.
  template <class Park>
  [[nodiscard]] parking park_at(Node& node, Park park) noexcept {
    const std::lock_guard hold(lock_);
    if (!pending()) return parking::done;  // W1
    nodes_.push_back(node);                // W2
    if (park()) return parking::parked;
    node.unlink();
    return parking::refused;
  }

  /// Calls f(node) for each that waits, under the lock.
  template <class F>
  void for_each_node(F f) const noexcept {
    const std::lock_guard hold(lock_);
    const_cast<intrusive_list<Node>&>(nodes_).for_each(f);
  }

  [[nodiscard]] typename Policy::lock& guard() const noexcept { return lock_; }

 private:
  [[nodiscard]] bool pending() const noexcept {
    return status_.load(std::memory_order_relaxed) == status::pending;
  }  // under lock_

  intrusive_list<Node> nodes_;
  typename Policy::template atomic<status> status_{status::pending};
  typename Policy::template atomic<bool> reserved_{false};
  typename Policy::template atomic<bool> forsaken_{false};
  mutable typename Policy::lock lock_;
};

}  // namespace gyre::detail
