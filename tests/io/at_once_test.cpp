// SPDX-License-Identifier: BSL-1.0
// How many operations may end inside their initiation in one step of a loop.
#include "loopback.hpp"

#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <gyre/asio.hpp>
#include <gyre/gyre.hpp>

#include <loop/loop_core.hpp>

#include <chrono>
#include <cstdint>

using namespace gyre;
using namespace gyre_test;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

/// As many writes as a step may take, in the step of that number. Gives the number of the step after them.
coro<std::uint64_t> write_in_step(std::uint64_t number) {
  connection c = co_await connect_pair();
  const auto step = [] { return get_running_loop().core().steps.load(); };
  while (step() < number) co_await sleep(0ns);
  for (int i = 0; i < 16; ++i) co_await asio::async_write(c.client, asio::buffer("x", 1), use_gyre);
  co_return step();
}

}  // namespace

TEST_CASE("asio: how many writes a step takes is counted for each loop by itself", "[io][asio]") {
  const auto one = new_event_loop();
  const auto other = new_event_loop();
  for (const auto& loop : {one, other}) {
    CHECK(loop->run_until_complete(loop->create_task(write_in_step(1000))) == 1000);
  }
  one->close();
  other->close();
}
