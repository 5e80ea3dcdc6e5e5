// SPDX-License-Identifier: BSL-1.0
#include <gyre/loop/loop_local.hpp>

#include "local_table.hpp"
#include "loop_core.hpp"

#include <gyre/core/error.hpp>

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>

namespace gyre::detail {
namespace {

// The places in use. Never freed: loop_local objects of static storage end late.
struct local_places {
  std::mutex guard;
  std::vector<std::uint32_t> free;
  std::uint32_t used = 0;
  std::uint64_t keys = 0;
};

local_places& places() {
  static auto* const all = new local_places;
  return *all;
}

std::string loop_text(const home* h) {
  return h == nullptr ? std::string("no loop") : "loop " + std::to_string(static_cast<const loop_core*>(h)->index);
}

}  // namespace

local_key::local_key() {
  local_places& all = places();
  const std::lock_guard hold(all.guard);
  all.free.reserve(all.used + 1);  // so that giving the place back cannot fail
  if (all.free.empty()) {
    place_ = all.used++;
  } else {
    place_ = all.free.back();
    all.free.pop_back();
  }
  key_ = ++all.keys;
}

local_key::~local_key() {
  local_places& all = places();
  const std::lock_guard hold(all.guard);
  all.free.push_back(place_);
}

void* find_local(const local_key& which, const char* call) {
  return static_cast<loop_core&>(running_home(call)).locals.find(which);
}

void keep_local(const local_key& which, void* object, local_destroyer destroy) {
  try {
    static_cast<loop_core&>(running_home("loop_local")).locals.keep(which, object, destroy);
  } catch (...) {
    destroy(object);
    throw;
  }
}

const home* local_home() noexcept { return this_thread().loop; }

void throw_moved_local(const home* made_on) {
  throw error("loop_local: a reference that was taken on " + loop_text(made_on) + " is used on " +
              loop_text(local_home()) + "; pin the task, or take it anew after each suspension");
}

// A place that was another loop_local's, which has gone: so does what it left here.
void local_table::keep(const local_key& which, void* object, local_destroyer destroy) {
  if (entries_.size() <= which.place()) entries_.resize(which.place() + 1);
  entry before = std::exchange(entries_[which.place()], entry{which.key(), object, destroy, ++made_});
  end(before);
}

void local_table::end(entry& e) noexcept {
  const entry gone = std::exchange(e, entry());
  if (gone.key != 0) gone.destroy(gone.object);
}

void local_table::clear() noexcept {
  for (;;) {
    const auto last = std::max_element(entries_.begin(), entries_.end(),
                                       [](const entry& a, const entry& b) { return a.age < b.age; });
    if (last == entries_.end() || last->key == 0) return;
    end(*last);
  }
}

}  // namespace gyre::detail
