// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <type_traits>

using namespace gyre;

TEST_CASE("error: gyre's errors are runtime errors with one root", "[core][error]") {
  CHECK(std::is_base_of_v<std::runtime_error, error>);
  CHECK(std::is_base_of_v<error, no_running_loop>);
  CHECK(std::is_base_of_v<error, loop_closed>);
  CHECK(std::is_base_of_v<error, already_running>);
  CHECK(std::is_base_of_v<error, already_awaited>);
  CHECK(std::is_base_of_v<error, would_deadlock>);
  CHECK(std::is_base_of_v<error, foreign_runtime>);
  CHECK(std::is_base_of_v<error, invalid_state_error>);
  CHECK(std::is_base_of_v<error, timeout_error>);
  CHECK(std::is_base_of_v<error, queue_empty>);
  CHECK(std::is_base_of_v<error, queue_full>);
  CHECK(std::is_base_of_v<std::invalid_argument, value_error>);
  CHECK(std::is_base_of_v<std::out_of_range, lookup_error>);
}

TEST_CASE("error: what must not be caught by accident is no std::exception", "[core][error]") {
  CHECK_FALSE(std::is_base_of_v<std::exception, base_exception>);
  CHECK(std::is_base_of_v<base_exception, cancelled_error>);
  CHECK(std::is_base_of_v<base_exception, keyboard_interrupt>);
  CHECK(std::is_base_of_v<base_exception, system_exit>);
}

TEST_CASE("error: tells its message", "[core][error]") {
  CHECK(std::string(timeout_error().what()) == "timed out");
  CHECK(std::string(cancelled_error("why").what()) == "why");
  CHECK(std::string(cancelled_error().what()).empty());
  CHECK(system_exit(3).code() == 3);
}
