// SPDX-License-Identifier: BSL-1.0
#include "death_note.hpp"

#include "basic_note.hpp"

#include <gyre/base/spin_lock.hpp>

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>

// Where a sanitizer is linked in, it has this.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace gyre::testing {
namespace {

constexpr std::array fatal_signals{SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};

basic_note<4096> note;         // written between seeds, read by a signal handler
detail::spin_lock note_taken;  // held for as long as somebody prints: it orders what `earlier` holds
std::array<struct sigaction, fatal_signals.size()> earlier;

void print_note() noexcept {
  const std::size_t length = note.take();
  if (length != 0 && ::write(STDERR_FILENO, note.text(), length) < 0) return;  // nobody left to tell
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

death_note::death_note() : mine_(note_taken.try_lock()) {
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
  note.clear();
  note_taken.unlock();
}

void death_note::write(const std::string& text) noexcept {
  if (mine_) note.write(text.data(), text.size());
}

}  // namespace gyre::testing
