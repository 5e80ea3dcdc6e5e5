// expect: a coroutine lambda must capture nothing here
// SPDX-License-Identifier: BSL-1.0
#include <gyre/gyre.hpp>

#include <string>
#include <utility>

gyre::task<int> start(std::string text) {
#ifdef GYRE_FIXED
  return gyre::create_task([](std::string own) -> gyre::coro<int> { co_return static_cast<int>(own.size()); },
                           std::move(text));
#else
  // coroutine-rules: allow, this is what must not compile
  return gyre::create_task([text]() -> gyre::coro<int> { co_return static_cast<int>(text.size()); });
#endif
}
