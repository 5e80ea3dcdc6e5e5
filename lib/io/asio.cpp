// SPDX-License-Identifier: BSL-1.0
#include "../loop/loop_core.hpp"

#include <gyre/asio.hpp>

#include <memory>
#include <vector>

namespace gyre {
namespace detail {
namespace {

// Tells whose io_context a context is.
class loop_service final : public boost::asio::execution_context::service {
 public:
  static inline boost::asio::execution_context::id id;
  explicit loop_service(boost::asio::execution_context& owner) : service(owner) {}
  loop_service(boost::asio::execution_context& owner, loop_core& l) : service(owner), loop(&l) {}
  loop_core* loop = nullptr;

 private:
  void shutdown() noexcept override {}
};

// Signals that wait to be used again, one list a thread.
constexpr std::size_t most_signals = 256;
using signal_list = std::vector<std::unique_ptr<boost::asio::cancellation_signal>>;

signal_list& free_signals() noexcept {
  thread_local signal_list list;
  return list;
}

}  // namespace

loop_core* loop_of_context(boost::asio::execution_context& context) noexcept {
  return boost::asio::has_service<loop_service>(context) ? boost::asio::use_service<loop_service>(context).loop
                                                         : nullptr;
}

loop_core& running_core() noexcept { return static_cast<loop_core&>(*this_thread().loop); }

bool is_loop_thread(const loop_core& loop) noexcept { return this_thread().loop == &loop; }

void run_on_loop(loop_core& loop, unique_function<void()> f) {
  core_ref<call_core> call(new call_core(loop, std::move(f), nullptr));
  loop.post(*call.release());
}

boost::asio::cancellation_signal* take_signal() {
  signal_list& list = free_signals();
  if (list.empty()) return new boost::asio::cancellation_signal;
  boost::asio::cancellation_signal* taken = list.back().release();
  list.pop_back();
  return taken;
}

void give_signal(boost::asio::cancellation_signal* signal) noexcept {
  std::unique_ptr<boost::asio::cancellation_signal> owned(signal);
  signal_list& list = free_signals();
  if (list.size() >= most_signals) return;
  try {
    list.push_back(std::move(owned));
  } catch (const std::bad_alloc&) {
    // freed: the next operation makes a new one
  }
}

}  // namespace detail

boost::asio::io_context& native_context(event_loop& loop) {
  bool first = false;
  boost::asio::io_context& context = loop.core().sleep_place().lend_context(first);
  if (first) boost::asio::add_service(context, new detail::loop_service(context, loop.core()));
  return context;
}

}  // namespace gyre
