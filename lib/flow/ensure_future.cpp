// SPDX-License-Identifier: BSL-1.0
#include <gyre/core/current.hpp>
#include <gyre/flow/ensure_future.hpp>
#include <gyre/loop/event_loop.hpp>

#include <algorithm>

namespace gyre::detail {

pooled_vector<std::size_t> first_places(const pooled_vector<core_ref<future_core>>& futures) {
  const auto key = [&futures](std::size_t i) { return reinterpret_cast<std::uintptr_t>(futures[i].get()); };
  pooled_vector<std::size_t> places(futures.size());
  for (std::size_t i = 0; i < places.size(); ++i) places[i] = i;
  const auto by_future = [&key](std::size_t a, std::size_t b) { return key(a) != key(b) ? key(a) < key(b) : a < b; };
  std::sort(places.begin(), places.end(), by_future);
  const auto same = [&key](std::size_t a, std::size_t b) { return key(a) == key(b); };
  places.erase(std::unique(places.begin(), places.end(), same), places.end());
  std::sort(places.begin(), places.end());
  return places;
}

void check_loop(const future_core& future, event_loop& loop) {
  if (const home* owner = future.where(); owner != nullptr && owner->family() != home_of(loop).family()) {
    throw value_error("ensure_future: the future belongs to a different loop than the one given");
  }
}

task_options on_current_loop() {
  task_options options;
  if (this_thread().loop == nullptr) options.loop = &get_event_loop();
  return options;
}

}  // namespace gyre::detail
