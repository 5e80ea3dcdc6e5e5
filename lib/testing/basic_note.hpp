// SPDX-License-Identifier: BSL-1.0
#pragma once
// A text that a signal handler finds whole or not at all.  Layer: testing.   Model: tests/model/note_model.cpp
#include <gyre/base/policy.hpp>

#include <algorithm>
#include <array>
#include <cstddef>

namespace gyre::testing {

/// Written while nobody who could read it dies. The length comes last, with release, so that on any thread a length comes
/// with its text.
template <std::size_t Size, class Policy = detail::std_policy>
class basic_note {
 public:
  using letter = typename Policy::template var<char>;

  void write(const char* text, std::size_t length) noexcept {
    clear();
    length = std::min(length, Size);
    std::copy_n(text, length, text_.data());
    length_.store(length, std::memory_order_release);
  }
  void clear() noexcept { length_.store(0, std::memory_order_relaxed); }

  /// How much of text() there is, for the first who asks; 0 for others.
  [[nodiscard]] std::size_t take() noexcept { return length_.exchange(0, std::memory_order_acquire); }
  [[nodiscard]] const letter* text() const noexcept { return text_.data(); }

 private:
  std::array<letter, Size> text_{};
  typename Policy::template atomic<std::size_t> length_{0};
};

}  // namespace gyre::testing
