// SPDX-License-Identifier: BSL-1.0
#pragma once
// Says which seed was running when the process dies.  Layer: testing.  Bodies: lib/testing/death_note.cpp
#include <string>

namespace gyre::testing {

/// While it lives, abort(), SIGSEGV, SIGBUS, SIGFPE, SIGILL and the reports of the sanitizers print its text first.
///
/// Thread:  one at a time in the process prints; another one made meanwhile is silent.
class death_note {
 public:
  death_note();
  death_note(const death_note&) = delete;
  death_note& operator=(const death_note&) = delete;
  ~death_note();

  /// `text` is printed as it is.
  void write(const std::string& text) noexcept;

 private:
  bool mine_;
};

}  // namespace gyre::testing
