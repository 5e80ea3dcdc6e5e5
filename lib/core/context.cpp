// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/spin_lock.hpp>
#include <gyre/core/context.hpp>
#include <gyre/core/current.hpp>
#include <gyre/core/task_core.hpp>

#include <algorithm>
#include <mutex>

namespace gyre::detail {

auto context_map::place(variable_key key) const noexcept -> std::vector<entry>::const_iterator {
  return std::lower_bound(entries_.begin(), entries_.end(), key,
                          [](const entry& e, variable_key k) { return e.key.number < k.number; });
}

const context_value* context_map::find(variable_key key) const noexcept {
  const auto at = place(key);
  return at != entries_.end() && at->key == key ? at->value.get() : nullptr;
}

context_map_ref context_map::with(const context_map* before, variable_key key, context_value_ref value) {
  auto fresh = counted_ref<context_map>(new context_map());
  std::vector<entry>& entries = fresh->entries_;
  if (before != nullptr) {
    entries.reserve(before->entries_.size() + 1);
    entries = before->entries_;
  }
  const auto at = entries.begin() + (fresh->place(key) - entries.cbegin());
  const bool known = at != entries.end() && at->key == key;
  if (value == nullptr) {
    if (known) entries.erase(at);
  } else if (known) {
    at->value = std::move(value);
  } else {
    entries.insert(at, entry{key, std::move(value)});
  }
  return entries.empty() ? context_map_ref() : context_map_ref(fresh.release());
}

namespace {

// Guards the maps of contexts with an identity, and the words of slots where another thread may swap them. The sections are
// a few instructions, and programs without such contexts never come here.
spin_lock context_guard;

std::atomic<std::uint64_t> next_variable{1};

context_value_ref found_in(const context_map* map, variable_key key) noexcept {
  return map == nullptr ? context_value_ref() : context_value_ref::share(map->find(key));
}

context_slot& thread_context() noexcept {
  thread_local context_slot slot;
  return slot;
}

}  // namespace

context_core::context_core(context_map_ref map) noexcept { map_.store(map.release(), std::memory_order_relaxed); }

context_core::~context_core() {
  if (const context_map* map = map_.load(std::memory_order_relaxed); map != nullptr) map->release();
}

void context_core::adopt(const context_map* map, bool counted) noexcept {
  if (map != nullptr && !counted) map->retain();
  map_.store(map, std::memory_order_relaxed);
  adopted_ = context_map_ref::share(map);
}

context_map_ref context_core::map() const noexcept {
  const std::lock_guard hold(context_guard);
  return context_map_ref::share(map_.load(std::memory_order_relaxed));
}

context_ref context_core::copy() const { return context_ref(new context_core(map())); }

context_value_ref context_core::find(variable_key key) const noexcept { return found_in(map().get(), key); }

std::size_t context_core::size() const noexcept {
  const context_map_ref m = map();
  return m == nullptr ? 0 : m->size();
}

context_value_ref context_core::exchange(variable_key key, context_value_ref value) {
  for (;;) {
    const context_map_ref before = map();
    context_map_ref fresh = context_map::with(before.get(), key, value);
    context_map_ref replaced;
    {
      const std::lock_guard hold(context_guard);
      if (map_.load(std::memory_order_relaxed) != before.get()) continue;  // a task on another loop was faster
      replaced = context_map_ref(map_.exchange(fresh.release(), std::memory_order_relaxed));
    }
    return found_in(before.get(), key);
  }
}

void context_slot::drop(std::uintptr_t w) noexcept {
  if ((w & word::shared) != 0) {
    word::core_in(w)->release();
  } else if ((w & word::lent) == 0) {
    word::map_in(w)->release();
  }
}

void context_slot::copy_word(std::uintptr_t w) noexcept {
  const context_map* map = nullptr;
  if ((w & word::shared) != 0) {
    map = word::core_in(w)->map().release();
  } else {
    map = word::map_in(w);
    map->retain();
  }
  word_.set(reinterpret_cast<std::uintptr_t>(map));
}

void context_slot::join(context_core& c) noexcept {
  c.retain();
  word_.set(reinterpret_cast<std::uintptr_t>(&c) | word::shared);
}

// Without a lock, by the slot's owner. Another thread may swap the map for a context at any moment, and that context may get
// another map; but it lives as long as the slot refers to it, and keeps the map that it was made of for as long.
context_map_ref context_slot::counted_map() const noexcept {
  const std::uintptr_t w = word_.get();
  return (w & word::shared) != 0 ? word::core_in(w)->map() : context_map_ref::share(word::map_in(w));
}

context_value_ref context_slot::find(variable_key key) const noexcept {
  const std::uintptr_t w = word_.get();
  return (w & word::shared) != 0 ? word::core_in(w)->find(key) : found_in(word::map_in(w), key);
}

context_ref context_slot::share() {
  const std::uintptr_t seen = word_.look();
  if ((seen & word::shared) != 0) return context_ref::share(word::core_in(seen));
  context_ref fresh(new context_core());
  return context_ref::share(word_.share(*fresh, context_guard, [&fresh](std::uintptr_t w) {
    fresh->adopt(word::map_in(w), (w & word::lent) == 0);
    fresh->retain();  // for the slot
  }));
}

bool context_slot::refers_to(const context_core& c) const noexcept {
  const std::uintptr_t w = word_.get();
  return (w & word::shared) != 0 && word::core_in(w) == &c;
}

context_slot& current_context() noexcept {
  const thread_state& thread = this_thread();
  if (thread.context != nullptr) return *thread.context;
  return thread.current != nullptr ? thread.current->context : thread_context();
}

context_ref share_current_context() {
  const thread_state& thread = this_thread();
  if (thread.context == nullptr && thread.current != nullptr) thread.current->state.note_used();
  return current_context().share();
}

entered_slot::entered_slot(context_slot& slot) noexcept : before_(this_thread().context) {
  this_thread().context = &slot;
}
entered_slot::~entered_slot() { this_thread().context = before_; }

context_core& entered_context::enter(context_core& c) {
  if (current_context().refers_to(c) || !c.entered.try_lock()) {
    throw error("cannot enter context: it is already entered");
  }
  return c;
}

entered_context::entered_context(context_core& c) : core_(enter(c)), inside_(slot_) { slot_.join(c); }

any_context_var::any_context_var(std::string name) noexcept
    : name_(std::move(name)), key_{next_variable.fetch_add(1, std::memory_order_relaxed)} {}

void any_context_var::throw_unset() const { throw lookup_error("the context variable '" + name_ + "' has no value"); }

void token_base::reset_to_old(variable_key key) {
  if (used_) throw error("the token of a context variable has already been used once");
  if (!(key_ == key)) throw value_error("the token was made by a different context variable");
  if (!current_context().refers_to(*where_)) throw value_error("the token was made in a different context");
  static_cast<void>(where_->exchange(key_, old_));
  used_ = true;
}

}  // namespace gyre::detail

namespace gyre {

context copy_context() {
  return context(detail::context_ref(new detail::context_core(detail::current_context().map())));
}

}  // namespace gyre
