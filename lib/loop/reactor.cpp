// SPDX-License-Identifier: BSL-1.0
#include "reactor.hpp"

#include <sys/timerfd.h>
#include <unistd.h>
#include <boost/asio/post.hpp>
#include <gyre/base/assert.hpp>

#include <mutex>
#include <system_error>

namespace gyre::detail {
namespace {

// Hands out the one block that a bell needs, so that ringing cannot fail.
template <class T>
class bell_allocator {
 public:
  using value_type = T;
  bell_allocator(std::byte* memory, std::size_t size) noexcept : memory_(memory), size_(size) {}
  template <class U>
  bell_allocator(const bell_allocator<U>& other) noexcept : memory_(other.memory_), size_(other.size_) {}

  [[nodiscard]] T* allocate(std::size_t n) noexcept {
    GYRE_ASSERT(n * sizeof(T) <= size_, "the bell's memory is too small for this Boost.Asio");
    return reinterpret_cast<T*>(memory_);
  }
  void deallocate(T*, std::size_t) noexcept {}
  friend bool operator==(const bell_allocator&, const bell_allocator&) noexcept { return true; }

 private:
  template <class U>
  friend class bell_allocator;
  std::byte* memory_;
  std::size_t size_;
};

int make_timerfd() {
  const int fd = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "timerfd_create");
  return fd;
}

}  // namespace

struct reactor::bell_entry {
  using allocator_type = bell_allocator<std::byte>;
  [[nodiscard]] allocator_type get_allocator() const noexcept {
    return {owner->bell_memory_.data(), owner->bell_memory_.size()};
  }
  void operator()() const noexcept { owner->bell_.heard(); }  // by now Asio has given the memory back
  reactor* owner;
};

reactor::reactor() {
  alarm_.assign(make_timerfd());
  listen_to_alarm();
}

reactor::~reactor() {
  open_.reset();
  alarm_.close();
}

// The alarm is read before it is listened to again: Asio re-arms the edge, and an alarm that is still readable would go off
// again at once.
void reactor::listen_to_alarm() {
  alarm_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& ec) {
    if (ec) return;
    {
      const std::lock_guard hold(alarm_lock_);
      alarm_at_ = never;
      std::uint64_t times = 0;
      static_cast<void>(::read(alarm_.native_handle(), &times, sizeof times));
    }
    listen_to_alarm();
  });
}

void reactor::set_alarm(std::int64_t deadline) noexcept {
  itimerspec at{};
  if (deadline != never) {
    // 0 would switch the timer off; a time in the past goes off at once.
    const std::int64_t ns = deadline > 0 ? deadline : 1;
    at.it_value.tv_sec = static_cast<time_t>(ns / 1'000'000'000);
    at.it_value.tv_nsec = static_cast<long>(ns % 1'000'000'000);
  }
  ::timerfd_settime(alarm_.native_handle(), TFD_TIMER_ABSTIME, &at, nullptr);
  alarm_at_ = deadline;
}

// An alarm that is set too early costs one wake-up that finds nothing; moving it later on every park would cost a system
// call each time. So it is moved later only when it has gone off. It is set inside lock_: else another worker's poll() could
// take it between the setting and the sleep.
void reactor::wait(std::int64_t deadline) {
  const std::lock_guard inside(lock_);
  {
    const std::lock_guard hold(alarm_lock_);
    if (deadline < alarm_at_) set_alarm(deadline);
  }
  bell_.wait([this] {
    context_.run_one();
    context_.poll();  // the others that came with it: the loop sleeps once for all of them
  });
}

void reactor::wake_at(std::int64_t deadline) noexcept {
  const std::lock_guard hold(alarm_lock_);
  if (deadline < alarm_at_) set_alarm(deadline);
}

bool reactor::wake() noexcept {
  if (!bell_.ring()) return false;
  boost::asio::post(context_, bell_entry{this});
  return true;
}

bool reactor::poll() {
  if (!lock_.try_lock()) return false;
  const bool any = context_.poll() > 0;
  lock_.unlock();
  return any;
}

}  // namespace gyre::detail
