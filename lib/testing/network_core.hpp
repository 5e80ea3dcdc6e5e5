// SPDX-License-Identifier: BSL-1.0
#pragma once
// What the streams and acceptors of one in-memory network share: options, choices, hosts, splits.  Layer: testing.
#include "simulated_io.hpp"

#include <gyre/testing/network.hpp>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace gyre::detail {

/// What the trace tells of operations that have ended.
enum class network_event : std::uint8_t { connect = 1, accept, read, write };

class network_core {
 public:
  explicit network_core(const testing::network_options& options);

  [[nodiscard]] std::int64_t now() const noexcept { return in_simulation() ? surroundings_.clock().now() : 0; }
  /// When what is sent now arrives, if it is not lost.
  [[nodiscard]] std::int64_t delay();
  [[nodiscard]] std::uint64_t choose(std::uint64_t n) { return in_simulation() ? surroundings_.choose(n) : 0; }

  [[nodiscard]] bool short_read() { return happens(options.short_reads_); }
  [[nodiscard]] bool short_write() { return happens(options.short_writes_); }
  [[nodiscard]] bool breaks() { return happens(options.resets_); }
  [[nodiscard]] bool refuses() { return happens(options.refusals_); }
  [[nodiscard]] std::size_t capacity() const noexcept { return options.capacity_; }
  [[nodiscard]] bool half_close() const noexcept { return options.half_close_; }

  /// Takes a descriptor of the host; false if there is none.
  [[nodiscard]] bool take_descriptor(const std::string& host);
  /// Whether the host may take one; the chance of a lack included.
  [[nodiscard]] bool has_descriptor(const std::string& host);
  void give_descriptor(const std::string& host) noexcept;
  [[nodiscard]] std::size_t descriptors(const std::string& host) const;

  [[nodiscard]] std::uint64_t number_operation() noexcept { return ++operations_; }
  [[nodiscard]] std::uint64_t number_endpoint() noexcept { return ++endpoints_made_; }
  void note(network_event event, std::uint64_t endpoint, const network_op& op) noexcept;

  [[nodiscard]] testing::network_address free_port(const std::string& host);
  void listen(network_listener& l, const testing::network_address& at) { listeners_[at] = &l; }
  void unlisten(const testing::network_address& at) noexcept { listeners_.erase(at); }
  /// Null if nobody listens there.
  [[nodiscard]] network_listener* listener(const testing::network_address& at) const;

  void add(std::weak_ptr<network_endpoint> end);
  void partition(const std::string& a, const std::string& b);
  void heal(const std::string& a, const std::string& b);
  void heal_all();
  [[nodiscard]] bool split(const std::string& a, const std::string& b) const { return splits_.contains(pair_of(a, b)); }

  testing::network_options options;

 private:
  using host_pair = std::pair<std::string, std::string>;
  // A stream that outlives the simulation can still be closed.
  [[nodiscard]] bool in_simulation() const noexcept { return current_platform() == &surroundings_; }
  [[nodiscard]] bool happens(std::uint64_t millionths);
  [[nodiscard]] static host_pair pair_of(const std::string& a, const std::string& b);
  template <class F>
  void for_each_between(const host_pair& hosts, F&& f);

  platform& surroundings_;
  std::map<std::string, std::size_t> descriptors_;
  std::map<testing::network_address, network_listener*> listeners_;
  std::set<host_pair> splits_;
  std::vector<std::weak_ptr<network_endpoint>> endpoints_;
  std::size_t endpoints_swept_ = 64;
  std::uint64_t operations_ = 0;
  std::uint64_t endpoints_made_ = 0;
  std::uint16_t last_port_ = 49151;
};

/// Hands an operation that has ended to its executor, in the next poll of the loop.
void end_network_op(const std::weak_ptr<testing::simulated_io>& io, const boost::asio::any_io_executor& executor,
                    std::unique_ptr<network_op> op, std::int64_t when);

/// The I/O side of the loop that an executor belongs to.   Throws: error if there is none.
[[nodiscard]] std::weak_ptr<testing::simulated_io> io_of(const boost::asio::any_io_executor& executor);

}  // namespace gyre::detail
