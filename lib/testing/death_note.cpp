// SPDX-License-Identifier: BSL-1.0
#include "death_note.hpp"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>

// Where a sanitizer is linked in, it has this.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace gyre::testing {
namespace {

constexpr std::array fatal_signals{SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};

// Written between seeds, read by a signal handler: the length last, with release.
std::array<char, 4096> note_text;
std::atomic<std::size_t> note_length{0};
std::atomic<bool> note_taken{false};
std::array<struct sigaction, fatal_signals.size()> earlier;

void print_note() noexcept {
  const std::size_t length = note_length.exchange(0, std::memory_order_acquire);
  if (length != 0 && ::write(STDERR_FILENO, note_text.data(), length) < 0) return;  // nobody left to tell
}

// The handler that was there before, or the default one, gets the signal next.
void on_fatal_signal(int number) noexcept {
  print_note();
  const auto at =
      static_cast<std::size_t>(std::find(fatal_signals.begin(), fatal_signals.end(), number) - fatal_signals.begin());
  ::sigaction(number, &earlier[at], nullptr);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, number);
  ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
  ::raise(number);
}

}  // namespace

death_note::death_note() : mine_(!note_taken.exchange(true, std::memory_order_acq_rel)) {
  if (!mine_) return;
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(&print_note);
  struct sigaction action = {};
  action.sa_handler = &on_fatal_signal;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < fatal_signals.size(); ++i) ::sigaction(fatal_signals[i], &action, &earlier[i]);
}

death_note::~death_note() {
  if (!mine_) return;
  for (std::size_t i = 0; i < fatal_signals.size(); ++i) ::sigaction(fatal_signals[i], &earlier[i], nullptr);
  note_length.store(0, std::memory_order_release);
  note_taken.store(false, std::memory_order_release);
}

void death_note::write(const std::string& text) noexcept {
  if (!mine_) return;
  note_length.store(0, std::memory_order_relaxed);
  const std::size_t length = std::min(text.size(), note_text.size());
  std::copy_n(text.data(), length, note_text.data());
  note_length.store(length, std::memory_order_release);
}

}  // namespace gyre::testing
