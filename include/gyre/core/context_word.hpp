// SPDX-License-Identifier: BSL-1.0
#pragma once
// The one word by which a task holds its context, and how another thread makes it a context with an identity.  Layer: core.
// Model: tests/model/context_model.cpp
#include <gyre/base/policy.hpp>

#include <cstdint>
#include <mutex>

namespace gyre::detail {

/// context_slot.hpp says what the values are.
///
///   word_   written by the owner, without order; by share(), under a lock that all words have in common, with release.
///
/// Proof:  the owner reads it without order where it goes on to the core's lock: share() has filled the core under the same
///         one. Who reads the core without the lock, or counts it, acquires the word.
template <class Map, class Core, class Policy = std_policy>
class basic_context_word {
 public:
  using value = std::uintptr_t;
  static constexpr value lent = 1;
  static constexpr value shared = 2;
  static constexpr value tags = 3;

  [[nodiscard]] static const Map* map_in(value w) noexcept { return reinterpret_cast<const Map*>(w & ~tags); }
  [[nodiscard]] static Core* core_in(value w) noexcept { return reinterpret_cast<Core*>(w & ~tags); }

  /// For the owner.
  [[nodiscard]] value get() const noexcept { return word_.load(std::memory_order_relaxed); }
  /// With what is in the core.
  [[nodiscard]] value look() const noexcept { return word_.load(std::memory_order_acquire); }
  void set(value w) noexcept { word_.store(w, std::memory_order_relaxed); }

  /// Makes it refer to `fresh`, which takes over what was there by fill(value). If another thread was faster: the core of that
  /// one, and `fresh` is not needed.   Thread: any, while the owner lives.
  template <class Fill>
  [[nodiscard]] Core* share(Core& fresh, typename Policy::lock& guard, Fill fill) {
    const std::lock_guard hold(guard);
    const value w = get();
    if ((w & shared) != 0) return core_in(w);
    fill(w);
    word_.store(reinterpret_cast<value>(&fresh) | shared, std::memory_order_release);
    return &fresh;
  }

 private:
  typename Policy::template atomic<value> word_{0};
};

}  // namespace gyre::detail
