// SPDX-License-Identifier: BSL-1.0
#include "interrupt.hpp"

#include "../loop/reactor.hpp"

#include <sys/syscall.h>
#include <unistd.h>
#include <boost/asio/signal_set.hpp>

#include <atomic>
#include <csignal>

namespace gyre::detail {
namespace {

bool may_install() noexcept {
  if (::getpid() != static_cast<pid_t>(::syscall(SYS_gettid))) return false;
  struct sigaction now{};
  return ::sigaction(SIGINT, nullptr, &now) == 0 && (now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == SIG_DFL;
}

// In front of Asio's signal handler, which it calls: a second SIGINT has to end a process whose loop is stuck in user code
// and never looks at its reactor. Only async-signal-safe calls here.
std::atomic<int> interrupts{0};
struct sigaction behind{};

extern "C" void end_stuck_process(int) { ::_exit(130); }

void set_alarm() noexcept {
  struct sigaction end{};
  end.sa_handler = &end_stuck_process;
  ::sigaction(SIGALRM, &end, nullptr);
  ::alarm(1);
}

extern "C" void count_interrupt(int signal) {
  if (interrupts.fetch_add(1, std::memory_order_relaxed) == 1) set_alarm();
  if (behind.sa_handler != SIG_DFL) behind.sa_handler(signal);
}

void put_counter_in_front(int before) noexcept {
  interrupts.store(before, std::memory_order_relaxed);
  struct sigaction ours{};
  ours.sa_handler = &count_interrupt;
  ::sigfillset(&ours.sa_mask);
  ::sigaction(SIGINT, nullptr, &behind);
  ::sigaction(SIGINT, &ours, nullptr);
}

void take_counter_away() noexcept {
  if (interrupts.load(std::memory_order_relaxed) > 1) {
    ::alarm(0);
    std::signal(SIGALRM, SIG_DFL);
  }
  std::signal(SIGINT, SIG_DFL);  // as may_install() found it
}

}  // namespace

// The handler runs in the loop's reactor, on the loop's thread or on one that stands in for it: cancel() and
// request_stop() may be called from any thread.
class interrupt_guard::listener {
 public:
  listener(loop_core& l, reactor& r, future_core& main) : loop_(l), reactor_(r), main_(main), signals_(r.context()) {
    signals_.add(SIGINT);
    put_counter_in_front(0);
    reactor_.operations.fetch_add(1, std::memory_order_relaxed);
    listen();
  }
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;
  // Each SIGINT is counted until Asio puts the default handler back, or ends the process after that.
  ~listener() {
    boost::system::error_code ignored;
    reactor_.enter();  // a neighbour that stands in for this loop may be in the handler
    signals_.cancel(ignored);
    signals_.clear(ignored);
    reactor_.context().poll();  // the cancelled wait must not outlive this object
    reactor_.leave();
    reactor_.operations.fetch_sub(1, std::memory_order_relaxed);
    take_counter_away();
  }

  [[nodiscard]] int count() const noexcept { return count_.load(std::memory_order_relaxed); }

 private:
  void listen() {
    signals_.async_wait([this](const boost::system::error_code& ec, int) {
      if (ec) return;
      interrupted();
      listen();
    });
  }
  void interrupted() {
    if (count_.fetch_add(1, std::memory_order_relaxed) == 0) {
      main_.cancel({});
      return;
    }
    loop_.request_stop();  // Python: at once; here after the current step, which has a second: see count_interrupt
  }

  loop_core& loop_;
  reactor& reactor_;
  future_core& main_;
  boost::asio::signal_set signals_;
  std::atomic<int> count_{0};  // a count: the cancel and the stop that follow it order it for who looks then
};

interrupt_guard::interrupt_guard(loop_core& l, future_core& main) {
  auto* r = dynamic_cast<reactor*>(&l.sleep_place());
  if (r != nullptr && may_install()) listener_ = std::make_unique<listener>(l, *r, main);
}

interrupt_guard::~interrupt_guard() = default;

int interrupt_guard::count() const noexcept { return listener_ == nullptr ? looked_at_ : listener_->count(); }

int interrupt_guard::end() noexcept {
  if (listener_ == nullptr) return 0;
  looked_at_ = listener_->count();
  listener_.reset();
  return interrupts.load(std::memory_order_relaxed);
}

late_interrupts::late_interrupts(int before) noexcept : installed_(before > 0 && may_install()) {
  if (!installed_) return;
  put_counter_in_front(before);
  if (before > 1) set_alarm();
}

late_interrupts::~late_interrupts() {
  if (installed_) take_counter_away();
}

}  // namespace gyre::detail
