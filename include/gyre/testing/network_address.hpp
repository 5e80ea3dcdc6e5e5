// SPDX-License-Identifier: BSL-1.0
#pragma once
// A host's name and a port of the in-memory network.  Layer: testing.  Bodies: lib/testing/network.cpp
#include <compare>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <utility>

namespace gyre::testing {

/// Names are compared as they are: there is no lookup.
class network_address {
 public:
  network_address() = default;
  network_address(std::string host, std::uint16_t port) : host_(std::move(host)), port_(port) {}

  [[nodiscard]] const std::string& host() const noexcept { return host_; }
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  friend bool operator==(const network_address&, const network_address&) = default;
  friend auto operator<=>(const network_address&, const network_address&) = default;
  friend std::string to_string(const network_address& a);  // "server:80"
  friend std::ostream& operator<<(std::ostream& out, const network_address& a);

 private:
  std::string host_;
  std::uint16_t port_ = 0;
};

}  // namespace gyre::testing
