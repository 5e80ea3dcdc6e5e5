// SPDX-License-Identifier: BSL-1.0
#include "network_core.hpp"
#include "network_endpoint.hpp"

#include <boost/asio/post.hpp>
#include <gyre/core/error.hpp>

#include <algorithm>
#include <ostream>

namespace gyre {
namespace detail {
namespace {

constexpr std::uint64_t million = 1'000'000;

platform& simulation_here() {
  platform* here = current_platform();
  if (here == nullptr) throw error("network: there is no simulation on this thread");
  return *here;
}

}  // namespace

network_core::network_core(const testing::network_options& given) : options(given), surroundings_(simulation_here()) {}

std::int64_t network_core::delay() {
  const auto range = static_cast<std::uint64_t>(options.most_delay_ - options.least_delay_);
  return options.least_delay_ + static_cast<std::int64_t>(range == 0 ? 0 : choose(range + 1));
}

// 0, the dullest choice, is never what goes wrong.
bool network_core::happens(std::uint64_t millionths) {
  return millionths != 0 && (millionths >= million || choose(million) >= million - millionths);
}

bool network_core::has_descriptor(const std::string& host) {
  return descriptors(host) < options.descriptors_ && !happens(options.no_descriptors_);
}

bool network_core::take_descriptor(const std::string& host) {
  if (!has_descriptor(host)) return false;
  ++descriptors_[host];
  return true;
}

void network_core::give_descriptor(const std::string& host) noexcept {
  if (const auto found = descriptors_.find(host); found != descriptors_.end()) --found->second;
}

std::size_t network_core::descriptors(const std::string& host) const {
  const auto found = descriptors_.find(host);
  return found == descriptors_.end() ? 0 : found->second;
}

void network_core::note(network_event event, std::uint64_t endpoint, const network_op& op) noexcept {
  if (!in_simulation()) return;
  constexpr std::uint64_t mark = 1ULL << 63U;  // no task's event has it
  const auto kind = static_cast<std::uint64_t>(event);
  const auto error = static_cast<std::uint64_t>(op.error.value()) & 0xffffU;
  surroundings_.note(mark | kind << 56U | error << 40U);
  surroundings_.note(mark | (endpoint & 0xffffffU) << 32U | (op.bytes & 0xffffffffU));
}

testing::network_address network_core::free_port(const std::string& host) {
  constexpr std::uint16_t first = 49152;
  do {
    last_port_ = last_port_ < first || last_port_ == 65535 ? first : static_cast<std::uint16_t>(last_port_ + 1);
  } while (listeners_.contains(testing::network_address(host, last_port_)));
  return testing::network_address(host, last_port_);
}

network_listener* network_core::listener(const testing::network_address& at) const {
  const auto found = listeners_.find(at);
  return found == listeners_.end() ? nullptr : found->second;
}

void network_core::add(std::weak_ptr<network_endpoint> end) {
  if (endpoints_.size() >= endpoints_swept_) {
    std::erase_if(endpoints_, [](const auto& each) { return each.expired(); });
    endpoints_swept_ = 2 * endpoints_.size() + 64;
  }
  endpoints_.push_back(std::move(end));
}

network_core::host_pair network_core::pair_of(const std::string& a, const std::string& b) {
  return a < b ? host_pair(a, b) : host_pair(b, a);
}

template <class F>
void network_core::for_each_between(const host_pair& hosts, F&& f) {
  for (std::size_t i = 0; i < endpoints_.size(); ++i) {
    const auto end = endpoints_[i].lock();
    if (end != nullptr && pair_of(end->local().host(), end->remote().host()) == hosts) f(*end);
  }
}

void network_core::partition(const std::string& a, const std::string& b) {
  const host_pair hosts = pair_of(a, b);
  if (splits_.insert(hosts).second) for_each_between(hosts, [](network_endpoint& end) { end.hold(); });
}

void network_core::heal(const std::string& a, const std::string& b) {
  const host_pair hosts = pair_of(a, b);
  if (splits_.erase(hosts) != 0) for_each_between(hosts, [](network_endpoint& end) { end.release(); });
}

void network_core::heal_all() {
  while (!splits_.empty()) {
    const host_pair hosts = *splits_.begin();
    heal(hosts.first, hosts.second);
  }
}

void end_network_op(const std::weak_ptr<testing::simulated_io>& io, const boost::asio::any_io_executor& executor,
                    std::unique_ptr<network_op> op, std::int64_t when) {
  const auto at = io.lock();
  if (at == nullptr) return;  // its loop has gone: the operation is dropped
  at->at(when, [executor, ended = std::move(op)]() mutable {
    boost::asio::post(executor, [op = std::move(ended)]() mutable {
      network_op& ending = *op;
      ending.run(std::move(op));
    });
  });
}

std::weak_ptr<testing::simulated_io> io_of(const boost::asio::any_io_executor& executor) {
  return testing::simulated_io::of(boost::asio::query(executor, boost::asio::execution::context));
}

}  // namespace detail

namespace testing {

network_options& network_options::delay(duration least, duration most) {
  if (least < duration::zero() || most < least) throw value_error("network_options: delay");
  least_delay_ = least.count();
  most_delay_ = most.count();
  return *this;
}

std::uint64_t network_options::in_millionths(double chance) {
  if (!(chance >= 0 && chance <= 1)) throw value_error("network_options: a chance is between 0 and 1");
  return static_cast<std::uint64_t>(chance * static_cast<double>(detail::million) + 0.5);
}

network_options& network_options::short_reads(double chance) {
  short_reads_ = in_millionths(chance);
  return *this;
}
network_options& network_options::short_writes(double chance) {
  short_writes_ = in_millionths(chance);
  return *this;
}
network_options& network_options::resets(double chance) {
  resets_ = in_millionths(chance);
  return *this;
}
network_options& network_options::refusals(double chance) {
  refusals_ = in_millionths(chance);
  return *this;
}
network_options& network_options::no_descriptors(double chance) {
  no_descriptors_ = in_millionths(chance);
  return *this;
}
network_options& network_options::descriptors(std::size_t most) {
  descriptors_ = most;
  return *this;
}
network_options& network_options::capacity(std::size_t bytes) {
  if (bytes == 0) throw value_error("network_options: a capacity of 0");
  capacity_ = bytes;
  return *this;
}
network_options& network_options::half_close(bool on) {
  half_close_ = on;
  return *this;
}

std::string to_string(const network_address& a) { return a.host_ + ':' + std::to_string(a.port_); }
std::ostream& operator<<(std::ostream& out, const network_address& a) { return out << to_string(a); }

network::network(const network_options& options) : core_(std::make_shared<detail::network_core>(options)) {}
network::~network() = default;
void network::set_options(const network_options& options) { core_->options = options; }
void network::partition(const std::string& a, const std::string& b) { core_->partition(a, b); }
void network::heal(const std::string& a, const std::string& b) { core_->heal(a, b); }
void network::heal() { core_->heal_all(); }
std::size_t network::descriptors(const std::string& host) const { return core_->descriptors(host); }

}  // namespace testing
}  // namespace gyre
