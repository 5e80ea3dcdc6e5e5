// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/text.hpp>
#include <gyre/core/current.hpp>
#include <gyre/core/error.hpp>
#include <gyre/core/failure_path.hpp>
#include <gyre/core/promise.hpp>

#include <algorithm>
#include <new>

namespace gyre::detail {
namespace {

// The exception that travels on this thread. Held, so that no other one gets its address.
struct traveller {
  std::exception_ptr error;
  failure_path path;
};

traveller& this_traveller() noexcept {
  thread_local traveller here;
  return here;
}

}  // namespace

void failure_path::append_text(std::string& out) const {
  for (std::uint32_t i = 0; i < std::min(passed, kept); ++i) {
    out += i == 0 ? "\n  raised in " : "\n  awaited in ";
    out += coroutine_name(places[i].function_name());
    out += i == 0 ? "(), after " : "() at ";
    append_place(out, places[i]);
  }
  if (passed > kept) {
    out += "\n  and ";
    append_unsigned(out, passed - kept);
    out += " more";
  }
}

void note_passed(const std::exception_ptr& error, const std::source_location& place) noexcept {
  traveller& t = this_traveller();
  if (t.error != error) {
    t.error = error;
    t.path.passed = 0;
    this_thread().failure = true;
  }
  if (t.path.passed < failure_path::kept) t.path.places[t.path.passed] = place;
  ++t.path.passed;
}

std::unique_ptr<const failure_path> path_of(const std::exception_ptr& error) noexcept {
  const traveller& t = this_traveller();
  if (!this_thread().failure || error == nullptr || t.error != error) return nullptr;
  try {
    return std::make_unique<const failure_path>(t.path);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void forget_path() noexcept {
  this_thread().failure = false;
  this_traveller().error = nullptr;
}

void keep_failure(result_base& outcome, std::source_location at) noexcept {
  outcome.error = std::current_exception();
  note_passed(outcome.error, at);
}

}  // namespace gyre::detail
