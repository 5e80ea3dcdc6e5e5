// SPDX-License-Identifier: BSL-1.0
#include <gyre/runtime/cores.hpp>
#include <gyre/runtime/run_options.hpp>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>

namespace gyre {
namespace {

constexpr int most_loops = 255;

int from_environment() {
  const char* text = std::getenv("GYRE_LOOPS");
  if (text == nullptr || *text == '\0') return 0;
  int n = 0;
  const auto [end, failure] = std::from_chars(text, text + std::strlen(text), n);
  if (failure != std::errc() || *end != '\0' || n < 1 || n > most_loops) {
    throw value_error(std::string("GYRE_LOOPS: '") + text + "' is not a number of loops from 1 to 255");
  }
  return n;
}

}  // namespace

int run_options::resolved_loops() const {
  if (loops_ < 0 || loops_ > most_loops) {
    throw value_error("run_options: loops must be 1 to 255, or 0 for the default, not " + std::to_string(loops_));
  }
  if (loop_factory_) {
    if (loops_ > 1) throw value_error("run_options: a loop_factory makes one loop; loops must be 1");
    return 1;
  }
  if (loops_ != 0) return loops_;
  if (const int n = from_environment(); n != 0) return n;
  return std::min(usable_cores(), most_loops);
}

run_order run_options::resolved_order() const {
  return order_.value_or(resolved_loops() == 1 ? run_order::asyncio : run_order::fork_join);
}

}  // namespace gyre
