// SPDX-License-Identifier: BSL-1.0
#include "deadline.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

// Present under a sanitizer only.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace storm {
namespace {

constexpr std::chrono::seconds look_interval(1);
constexpr unsigned report_seconds = 20;  // for the table of tasks, which may itself wait for what hangs

// What a dying program says; written before the round, since nothing can be composed then.
char last_words[1024];
std::atomic<std::size_t> last_words_length{0};

void speak_last_words() noexcept {
  const std::size_t length = last_words_length.exchange(0);
  if (length != 0) static_cast<void>(!::write(STDERR_FILENO, last_words, length));
}

void die(int signal) {
  speak_last_words();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void prepare_for_death() {
  if (&__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(&speak_last_words);
    std::signal(SIGABRT, &die);
    return;
  }
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) std::signal(signal, &die);
}

void set_last_words(const std::string& label, const std::string& replay) {
  last_words_length.store(0);
  const std::string text = "\nDIED in " + label + "\n  replay: " + replay + '\n';
  const std::size_t length = std::min(text.size(), sizeof last_words);
  std::memcpy(last_words, text.data(), length);
  last_words_length.store(length);
}

}  // namespace

deadline::deadline(std::chrono::seconds limit) : limit_(limit) {
  prepare_for_death();
  thread_ = std::thread([this] { watch(); });
}

deadline::~deadline() {
  {
    const std::lock_guard hold(guard_);
    over_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void deadline::begin(trial& t, const std::string& label, const std::string& replay) {
  const std::lock_guard hold(guard_);
  round_ = &t;
  ++beat_;
  label_ = label;
  replay_ = replay;
  set_last_words(label, replay);
}

void deadline::end() {
  const std::lock_guard hold(guard_);
  round_ = nullptr;
  last_words_length.store(0);
}

// Rounds may be shorter than a look: only one that is seen again and again counts. A stopped machine must not look like a hang,
// so looks are counted, not the clock.
void deadline::watch() {
  std::unique_lock hold(guard_);
  std::uint64_t seen = 0;
  std::int64_t looks = 0;
  while (!over_) {
    changed_.wait_for(hold, look_interval);
    if (round_ == nullptr || beat_ != seen) {
      seen = beat_;
      looks = 0;
    } else if (++looks >= limit_.count()) {
      give_up();
    }
  }
}

void deadline::give_up() {
  std::fprintf(stderr, "\nHANG in %s: it has not ended after %lld s\n  replay: %s\n", label_.c_str(),
               static_cast<long long>(limit_.count()), replay_.c_str());
  for (const std::string& each : round_->violations()) std::fprintf(stderr, "  before that: %s\n", each.c_str());
  std::fflush(stderr);
  ::alarm(report_seconds);
  const std::string tasks = round_->shown_tasks();
  if (!tasks.empty()) std::fprintf(stderr, "%s\n", tasks.c_str());
  std::fflush(stderr);
  if (std::getenv("GYRE_STRESS_WAIT") != nullptr) {  // for a debugger
    ::alarm(0);
    std::fprintf(stderr, "process %d waits\n", static_cast<int>(::getpid()));
    for (;;) ::pause();
  }
  std::_Exit(hang_exit_code);
}

}  // namespace storm
