// SPDX-License-Identifier: BSL-1.0
#pragma once
// A network in memory for simulations: streams and acceptors that Asio, Beast and use_gyre take for sockets; what goes wrong,
// and when, comes from the seed.  Layer: testing.  Bodies: lib/testing/network*.cpp.  Tests: tests/testing/network_test.cpp
#include <gyre/testing/network_stream.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace gyre::testing {

/// What a network does to those who use it. Chances are between 0 and 1.
class network_options {
 public:
  using duration = std::chrono::nanoseconds;
  network_options() = default;

  /// How long anything is on its way between two hosts, from and to.   Default: 50 us to 5 ms.
  network_options& delay(duration least, duration most);
  /// A read gives less than has arrived.   Default: 0.25.
  network_options& short_reads(double chance);
  /// A write takes less than there is room for.   Default: 0.25.
  network_options& short_writes(double chance);
  /// The connection of a read or write breaks: both ends hear of a reset.   Default: 0.
  network_options& resets(double chance);
  /// A connect is refused although somebody listens.   Default: 0.
  network_options& refusals(double chance);
  /// A connect or accept finds no free descriptor (EMFILE).   Default: 0.
  network_options& no_descriptors(double chance);
  /// The most descriptors that a host has: for its streams and acceptors.   Default: 1024.
  network_options& descriptors(std::size_t most);
  /// Bytes that one direction of a connection holds before a write waits, at least 1.   Default: 65536.
  network_options& capacity(std::size_t bytes);
  /// Whether a stream that has shut down its sending still receives. If not, what comes for it breaks the connection, as
  /// with peers that know no half-closed connection.   Default: true.
  network_options& half_close(bool on);

 private:
  friend class gyre::detail::network_core;
  static std::uint64_t in_millionths(double chance);

  std::int64_t least_delay_ = 50'000;
  std::int64_t most_delay_ = 5'000'000;
  std::uint64_t short_reads_ = 250'000;
  std::uint64_t short_writes_ = 250'000;
  std::uint64_t resets_ = 0;
  std::uint64_t refusals_ = 0;
  std::uint64_t no_descriptors_ = 0;
  std::size_t descriptors_ = 1024;
  std::size_t capacity_ = 65'536;
  bool half_close_ = true;
};

/// Hosts, and what lies between them. A host exists by being named.
///
/// Semantics of TCP on Linux: bytes arrive in order, none is lost or made up unless the connection is reset. Every delay
/// runs on the virtual clock, every choice is the seed's; the same seed gives the same bytes in the same pieces.
/// Thread:  that of the simulation, which must be there when the network is made, and until its streams are gone.
/// Throws:  the constructor: error outside of a simulation.
class network {
 public:
  using stream = network_stream;
  using acceptor = network_acceptor;

  explicit network(const network_options& options = {});
  network(const network&) = delete;
  network& operator=(const network&) = delete;
  ~network();

  /// From now on; what is under way keeps the times and pieces that it got.
  void set_options(const network_options& options);

  /// Nothing passes between the two hosts until heal(). It is not lost: TCP sends it again then.
  void partition(const std::string& a, const std::string& b);
  void heal(const std::string& a, const std::string& b);
  /// Heals everything.
  void heal();

  /// How many descriptors a host has in use: streams and acceptors that are open.
  [[nodiscard]] std::size_t descriptors(const std::string& host) const;

 private:
  friend class network_stream;
  friend class network_acceptor;
  std::shared_ptr<gyre::detail::network_core> core_;
};

}  // namespace gyre::testing
