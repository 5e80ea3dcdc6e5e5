// SPDX-License-Identifier: BSL-1.0
#include "simulated_io.hpp"

#include <boost/asio/detail/reactor.hpp>
#include <gyre/core/error.hpp>

#include <algorithm>
#include <utility>

namespace gyre::testing {
namespace {

constexpr std::uint64_t most_handlers = 64;  // of one poll: a handler may post itself for ever

// Tells whose io_context a context is.
class io_link final : public boost::asio::execution_context::service {
 public:
  static inline boost::asio::execution_context::id id;
  explicit io_link(boost::asio::execution_context& owner) : service(owner) {}
  std::weak_ptr<simulated_io> io;

 private:
  void shutdown() noexcept override {}
};

}  // namespace

simulated_io::simulated_io(detail::platform& surroundings) : surroundings_(surroundings) {}

// What handlers own may hold streams, which look for this object once more: it answers no more.
simulated_io::~simulated_io() {
  ending_ = true;
  for (const auto& each : std::exchange(users_, {})) {
    if (const auto user = each.lock(); user != nullptr) user->drop_operations();
  }
  events_.clear();
}

std::weak_ptr<simulated_io> simulated_io::of(boost::asio::execution_context& context) {
  if (!boost::asio::has_service<io_link>(context)) {
    throw error("network: streams and acceptors need the native_context() of a simulated loop");
  }
  return boost::asio::use_service<io_link>(context).io;
}

void simulated_io::announce(const std::shared_ptr<simulated_io>& self) {
  boost::asio::use_service<io_link>(self->context_).io = self;
}

bool simulated_io::later(const event& a, const event& b) noexcept {
  return a.when != b.when ? a.when > b.when : a.number > b.number;
}

void simulated_io::at(std::int64_t when, unique_function<void()> f) {
  if (ending_) return;
  events_.push_back(event{when, next_number_++, std::move(f)});
  std::push_heap(events_.begin(), events_.end(), &later);
}

void simulated_io::add_user(std::weak_ptr<simulated_io_user> user) {
  if (users_.size() >= users_swept_) {
    std::erase_if(users_, [](const auto& each) { return each.expired(); });
    users_swept_ = 2 * users_.size() + 16;
  }
  users_.push_back(std::move(user));
}

std::int64_t simulated_io::due() const noexcept {
  if (more_posted_) return 0;
  return events_.empty() ? detail::never : events_.front().when;
}

bool simulated_io::poll() {
  bool any = false;
  const std::int64_t now = surroundings_.clock().now();
  const std::uint64_t last = next_number_;  // what comes up meanwhile waits for the next poll
  while (!events_.empty() && events_.front().when <= now && events_.front().number < last) {
    std::pop_heap(events_.begin(), events_.end(), &later);
    event due = std::move(events_.back());
    events_.pop_back();
    due.run();
    any = true;
  }
  const std::uint64_t few = surroundings_.choose(4);  // 0: all
  const std::uint64_t limit = few == 0 ? most_handlers : few;
  std::uint64_t ran = 0;
  while (ran < limit && context_.poll_one() > 0) ++ran;
  more_posted_ = ran == limit;
  return any || ran > 0;
}

bool simulated_io::poll_posted() { return context_.poll_one() > 0; }

void simulated_io::refuse_real_io() const {
  auto& context = const_cast<boost::asio::io_context&>(context_);
  if (!boost::asio::has_service<boost::asio::detail::reactor>(context)) return;
  throw error(
      "simulation: a socket, timer or signal set of Asio was made on a simulated loop; use gyre::testing::network for "
      "streams and gyre::sleep for time");
}

}  // namespace gyre::testing
