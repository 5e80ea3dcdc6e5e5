// SPDX-License-Identifier: BSL-1.0
#include "../loop/spin_policy.hpp"
#include "cores.hpp"

#include <gyre/base/intrusive_list.hpp>
#include <gyre/base/spin_lock.hpp>
#include <gyre/core/current.hpp>
#include <gyre/core/error.hpp>
#include <gyre/runtime/thread_pool.hpp>

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <mutex>
#include <thread>

namespace gyre {
namespace {

using clock_type = std::chrono::steady_clock;

thread_pool_options named_pool(std::size_t max_threads, std::string name) {
  return thread_pool_options().max_threads(max_threads).name(std::move(name));
}

}  // namespace

// Owned by the pool and by each of its threads: a thread that is stuck in a function outlives the pool.
class thread_pool_executor::shared : public std::enable_shared_from_this<shared> {
 public:
  explicit shared(const thread_pool_options& options)
      : options_(options),
        bound_(options.max_threads() != 0 ? options.max_threads()
                                          : std::min<std::size_t>(32, static_cast<std::size_t>(usable_cores()) + 4)) {}

  void push(offload_work work);
  bool end(clock_type::time_point deadline);
  [[nodiscard]] bool runs_caller() const noexcept { return own_thread_ == this; }
  [[nodiscard]] bool given_up() const {
    const std::lock_guard hold(guard_);
    return given_up_;
  }
  [[nodiscard]] std::vector<std::string> unfinished() const;
  [[nodiscard]] thread_pool_stats stats() const;

 private:
  /// A thread and what it runs, on its own stack.
  class worker : public detail::list_link<> {
   public:
    void begin(const offload_work& work) noexcept {
      const std::lock_guard hold(guard_);
      running_ = work.core();
      since_ = clock_type::now();
    }
    void end() noexcept {
      detail::core_ref<detail::offload_core> done;
      const std::lock_guard hold(guard_);
      std::swap(done, running_);
    }
    /// What it runs, null for nothing, and since when.
    [[nodiscard]] std::pair<detail::core_ref<detail::offload_core>, clock_type::time_point> running() const noexcept {
      const std::lock_guard hold(guard_);
      return {running_, since_};
    }

    detail::spin_policy spinning;  // its own thread only

   private:
    mutable detail::spin_lock guard_;
    detail::core_ref<detail::offload_core> running_;
    clock_type::time_point since_;
  };

  void wait_for_room(std::unique_lock<std::mutex>& hold);
  [[nodiscard]] bool has_room() const noexcept {
    return !options_.max_queue() || queue_.size() < idle_ + (bound_ - threads_) + starting_ + *options_.max_queue();
  }
  // Whether a waiting thread is to be told that there is work: not while one is on its way, which tells the next one.
  [[nodiscard]] bool calls_one() noexcept { return idle_ != 0 && !std::exchange(called_, true); }
  void start_thread();
  void run() noexcept;
  void run_next(worker& self, std::unique_lock<std::mutex>& hold) noexcept;
  [[nodiscard]] bool wait_for_work(worker& self, std::unique_lock<std::mutex>& hold) noexcept;
  void spin_for_work(worker& self, std::unique_lock<std::mutex>& hold) noexcept;

  static thread_local const shared* own_thread_;

  mutable std::mutex guard_;  // of all that follows
  std::condition_variable work_or_end_;
  std::condition_variable room_;
  std::condition_variable thread_left_;
  std::deque<offload_work> queue_;
  const thread_pool_options options_;
  const std::size_t bound_;
  detail::intrusive_list<worker> workers_;
  std::uint64_t started_ = 0;  // threads ever, for their names
  std::size_t threads_ = 0;
  std::size_t starting_ = 0;    // of those, have not looked at the queue yet
  std::size_t idle_ = 0;        // of those, wait for work
  std::size_t busy_ = 0;        // of those, are in a function
  std::size_t submitters_ = 0;  // threads that wait for room
  bool called_ = false;  // one of the idle threads was told that there is work, or looks around, and has not come yet
  std::atomic<bool> appeared_{false};  // since a thread began to look around: work, or the end; written under guard_
  std::uint64_t completed_ = 0;
  std::size_t peak_threads_ = 0;
  std::size_t peak_queued_ = 0;
  bool closed_ = false;
  bool given_up_ = false;  // end() came to its deadline: nobody waits for the threads any more
};

thread_local const thread_pool_executor::shared* thread_pool_executor::shared::own_thread_ = nullptr;

void thread_pool_executor::shared::wait_for_room(std::unique_lock<std::mutex>& hold) {
  if (has_room()) return;
  const bool must_not_wait = detail::this_thread().loop != nullptr || own_thread_ == this;  // it would wait for itself
  if (options_.overflow() == submission_overflow::error || must_not_wait) throw queue_full();
  ++submitters_;
  room_.wait(hold, [this] { return closed_ || has_room(); });
  --submitters_;
}

// A thread that waits, or is on its way, has been promised to each entry of the queue, if they suffice.
void thread_pool_executor::shared::push(offload_work work) {
  detail::refuse_if_forked("execute");
  std::unique_lock hold(guard_);
  wait_for_room(hold);
  if (closed_) throw error("cannot schedule new futures after shutdown");
  queue_.push_back(std::move(work));
  appeared_.store(true, std::memory_order_relaxed);  // guard_ publishes the work
  peak_queued_ = std::max(peak_queued_, queue_.size());
  if (idle_ + starting_ >= queue_.size()) {
    const bool call = calls_one();
    hold.unlock();
    if (call) work_or_end_.notify_one();
    return;
  }
  if (threads_ >= bound_) return;
  try {
    start_thread();
  } catch (...) {
    if (threads_ != 0) return;  // the others will get to it
    offload_work back = std::move(queue_.back());
    queue_.pop_back();
    hold.unlock();
    throw;
  }
}

// Under guard_.
void thread_pool_executor::shared::start_thread() {
  const std::string name = options_.name().substr(0, 10) + '-' + std::to_string(started_ % 10000);
  std::thread fresh([self = shared_from_this(), cores = detail::inherited_mask()] {
    cores.apply();
    self->run();
  });
  ++started_;
  ::pthread_setname_np(fresh.native_handle(), name.c_str());
  fresh.detach();  // counted in threads_, and waited for by end()
  ++threads_;
  ++starting_;
  peak_threads_ = std::max(peak_threads_, threads_);
}

void thread_pool_executor::shared::run() noexcept {
  own_thread_ = this;
  worker self;
  std::unique_lock hold(guard_);
  --starting_;
  workers_.push_back(self);
  for (;;) {
    if (!queue_.empty()) {
      run_next(self, hold);
    } else if (closed_ || !wait_for_work(self, hold)) {
      break;
    }
  }
  self.unlink();
  --threads_;
  thread_left_.notify_all();
}

// What a function leaves behind is let go of outside the pool's lock: a destructor or a report is user code.
void thread_pool_executor::shared::run_next(worker& self, std::unique_lock<std::mutex>& hold) noexcept {
  offload_work work = std::move(queue_.front());
  queue_.pop_front();
  ++busy_;
  if (submitters_ != 0) room_.notify_one();
  const bool call = !queue_.empty() && calls_one();
  hold.unlock();
  if (call) work_or_end_.notify_one();
  self.begin(work);
  work();
  self.end();
  hold.lock();
  --busy_;
  ++completed_;
}

// As a loop does before it sleeps, one thread at a time: it counts as called, so nobody else is.
void thread_pool_executor::shared::spin_for_work(worker& self, std::unique_lock<std::mutex>& hold) noexcept {
  const std::int64_t window = options_.spin_before_park().count();
  if (window == 0 || called_ || !self.spinning.pays()) return;
  called_ = true;
  appeared_.store(false, std::memory_order_relaxed);
  hold.unlock();
  const auto now = [] { return time_source::steady().now(); };
  const auto found = [this] { return appeared_.load(std::memory_order_relaxed); };
  static_cast<void>(self.spinning.spin(detail::deadline_after(now(), window), window, now, found));
  hold.lock();
  called_ = false;
}

bool thread_pool_executor::shared::wait_for_work(worker& self, std::unique_lock<std::mutex>& hold) noexcept {
  constexpr std::chrono::nanoseconds longest = std::chrono::hours(24 * 365);  // that the clock can certainly add
  const std::int64_t window = options_.spin_before_park().count();
  const std::int64_t begun = window == 0 ? 0 : time_source::steady().now();
  ++idle_;
  if (submitters_ != 0) room_.notify_one();
  spin_for_work(self, hold);
  bool woken = closed_ || !queue_.empty();
  const auto end = woken ? clock_type::time_point() : clock_type::now() + std::min(options_.idle_timeout(), longest);
  for (bool in_time = true; !woken && in_time;) {
    in_time = work_or_end_.wait_until(hold, end) == std::cv_status::no_timeout;
    // If it was another one that was told, that one comes soon, and who pushes meanwhile tells one more.
    called_ = false;
    woken = closed_ || !queue_.empty();
  }
  --idle_;
  if (window != 0) self.spinning.waited(time_source::steady().now() - begun, window);
  return woken;
}

bool thread_pool_executor::shared::end(clock_type::time_point deadline) {
  std::unique_lock hold(guard_);
  closed_ = true;
  appeared_.store(true, std::memory_order_relaxed);
  work_or_end_.notify_all();
  room_.notify_all();
  if (own_thread_ == this) {
    given_up_ = true;
    return false;
  }
  const auto ended = [this] { return threads_ == 0; };
  if (deadline == clock_type::time_point::max()) {
    thread_left_.wait(hold, ended);
    return true;
  }
  if (!thread_left_.wait_until(hold, deadline, ended) && queue_.empty()) {
    thread_left_.wait(hold, [this] { return threads_ <= busy_; });
  }
  given_up_ = !ended();
  return !given_up_;
}

std::vector<std::string> thread_pool_executor::shared::unfinished() const {
  std::vector<std::pair<detail::core_ref<detail::offload_core>, clock_type::time_point>> running;
  std::size_t queued = 0;
  {
    const std::lock_guard hold(guard_);
    queued = queue_.size();
    const_cast<detail::intrusive_list<worker>&>(workers_).for_each(
        [&running](const worker& each) { running.push_back(each.running()); });
  }
  std::vector<std::string> lines;
  const auto now = clock_type::now();
  for (const auto& [work, since] : running) {
    if (!work) continue;
    std::string line;
    work->append_label(line);
    char text[48];
    std::snprintf(text, sizeof text, ", running for %.1f s", std::chrono::duration<double>(now - since).count());
    lines.push_back(line + text);
  }
  if (queued != 0) lines.push_back(std::to_string(queued) + " more that have not begun");
  return lines;
}

thread_pool_stats thread_pool_executor::shared::stats() const {
  const std::lock_guard hold(guard_);
  thread_pool_stats now;
  now.threads = threads_;
  now.idle = idle_;
  now.queued = queue_.size();
  now.completed = completed_;
  now.peak_threads = peak_threads_;
  now.peak_queued = peak_queued_;
  return now;
}

thread_pool_executor::thread_pool_executor(const thread_pool_options& options)
    : state_(std::make_shared<shared>(options)) {}

thread_pool_executor::thread_pool_executor(std::size_t max_threads, std::string name)
    : thread_pool_executor(named_pool(max_threads, std::move(name))) {}

thread_pool_executor::~thread_pool_executor() {
  if (detail::is_forked()) {
    static_cast<void>(new std::shared_ptr(state_));  // its threads are the parent's
    return;
  }
  if (!state_->given_up()) state_->end(clock_type::time_point::max());
}

void thread_pool_executor::execute(offload_work work) { state_->push(std::move(work)); }
bool thread_pool_executor::shutdown(clock_type::time_point deadline) { return state_->end(deadline); }
bool thread_pool_executor::runs_caller() const noexcept { return state_->runs_caller(); }
std::vector<std::string> thread_pool_executor::unfinished() const { return state_->unfinished(); }
thread_pool_stats thread_pool_executor::stats() const { return state_->stats(); }

}  // namespace gyre
