// SPDX-License-Identifier: BSL-1.0
#pragma once
// How the record of a fork-join's child, made when somebody asks for a handle, learns of the child's end.  Layer: flow.
#include <gyre/base/config.hpp>
#include <gyre/base/policy.hpp>

#include <mutex>

namespace gyre::detail {

/// Record is counted: retain() and release(). The child holds one reference to the record that is shown.
///
///   record_  null -> record -> null, under the guard that is handed in; read without it by the child at its end.
///            child that ends                        one who asks
///            S1 its word says done                  O1 record_ = fresh
///            S2 light barrier                       O2 heavy barrier
///            S3 record_ is null: nobody asked       O3 its word says done: takes the record and tells it
///            S4 else takes the record and tells it
///
/// Proof:  the barriers order S1, S3 against O1, O3: S3 sees O1, or O3 sees S1. If both see the other's, one takes the record.
template <class Record, class Policy = std_policy>
class basic_shown_record {
 public:
  using lock = typename Policy::lock;

  /// The child is done. Whether somebody asked: then it takes the record, and tells it.
  [[nodiscard]] bool is_asked_at_end() const noexcept {
    Policy::light_barrier();                                    // S2
    return record_.load(std::memory_order_relaxed) != nullptr;  // S3
  }
  /// For one who has seen the end: the record to be told, with the child's reference. Null if somebody else tells it.
  [[nodiscard]] GYRE_NOINLINE Record* take(lock& guard) noexcept {
    const std::lock_guard hold(guard);
    return record_.exchange(nullptr, std::memory_order_relaxed);
  }

  /// The record that is shown, with a reference for the caller; null if there is none.
  [[nodiscard]] Record* find(lock& guard) const noexcept {
    const std::lock_guard hold(guard);
    return shared();
  }
  /// Whether there is one now; the next moment it may be otherwise.
  [[nodiscard]] bool any() const noexcept { return record_.load(std::memory_order_relaxed) != nullptr; }
  /// Shows `fresh`, and holds it for the child. If another thread was faster: its record, with a reference for the caller.
  /// Else null: the caller looks whether the child is done by now.
  [[nodiscard]] Record* show(Record& fresh, lock& guard) noexcept {
    {
      const std::lock_guard hold(guard);
      if (Record* known = shared(); known != nullptr) return known;
      fresh.retain();
      record_.store(&fresh, std::memory_order_relaxed);  // O1
    }
    Policy::heavy_barrier();  // O2
    return nullptr;
  }

 private:
  Record* shared() const noexcept {
    Record* known = record_.load(std::memory_order_relaxed);
    if (known != nullptr) known->retain();
    return known;
  }

  typename Policy::template atomic<Record*> record_{nullptr};
};

}  // namespace gyre::detail
