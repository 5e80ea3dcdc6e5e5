// SPDX-License-Identifier: BSL-1.0
#pragma once
// How contexts are kept: immutable maps that tasks share, and the one word by which a task holds its own.  Layer: core.
// Bodies: lib/core/context.cpp
//
// A map never changes: set() makes a new one, so that handing a context to a new task is a copy of one pointer and of a
// count, and of nothing while no variable is set. The word of a task, callback or thread (context_slot) is
//   0             no variable is set
//   map           a map of its own, counted
//   map | lent    the map of the parent of a fork-join, which the gather's block counts
//   core | shared a context with an identity: from the first set() on, by task_options::context, by get_context()
#include <gyre/base/ref_count.hpp>
#include <gyre/base/spin_lock.hpp>
#include <gyre/core/context_word.hpp>
#include <gyre/core/frame_pool.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace gyre::detail {

/// Counted, for values, maps and contexts.
class context_counted : public pooled {
 public:
  context_counted() = default;
  context_counted(const context_counted&) = delete;
  context_counted& operator=(const context_counted&) = delete;
  void retain() const noexcept { references_.add(); }
  void release() const noexcept {
    if (references_.drop()) delete this;
  }

 protected:
  virtual ~context_counted() = default;

 private:
  mutable ref_count references_;
};

/// A counted pointer.
template <class T>
class counted_ref {
 public:
  counted_ref() noexcept = default;
  counted_ref(std::nullptr_t) noexcept {}  // NOLINT: as a pointer
  explicit counted_ref(T* adopted) noexcept : p_(adopted) {}
  counted_ref(const counted_ref& other) noexcept : p_(other.p_) {
    if (p_ != nullptr) p_->retain();
  }
  counted_ref(counted_ref&& other) noexcept : p_(std::exchange(other.p_, nullptr)) {}
  counted_ref& operator=(counted_ref other) noexcept {
    std::swap(p_, other.p_);
    return *this;
  }
  ~counted_ref() {
    if (p_ != nullptr) p_->release();
  }
  [[nodiscard]] static counted_ref share(T* p) noexcept {
    if (p != nullptr) p->retain();
    return counted_ref(p);
  }
  [[nodiscard]] T* get() const noexcept { return p_; }
  [[nodiscard]] T* release() noexcept { return std::exchange(p_, nullptr); }
  T& operator*() const noexcept { return *p_; }
  T* operator->() const noexcept { return p_; }
  explicit operator bool() const noexcept { return p_ != nullptr; }
  friend bool operator==(const counted_ref& r, std::nullptr_t) noexcept { return r.p_ == nullptr; }

 private:
  T* p_ = nullptr;
};

struct context_value : context_counted {};
using context_value_ref = counted_ref<const context_value>;

/// Tells variables apart; never used again.
struct variable_key {
  std::uint64_t number = 0;
  friend bool operator==(variable_key a, variable_key b) noexcept { return a.number == b.number; }
};

class context_map;
using context_map_ref = counted_ref<const context_map>;
class context_core;
using context_ref = counted_ref<context_core>;

/// Values in the order of their variables' numbers. Programs have a few variables: a sorted array beats a tree, and a copy of
/// it is what set() costs.
class context_map final : public context_counted {
 public:
  [[nodiscard]] const context_value* find(variable_key key) const noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

  /// A map that differs from `before` (null: from an empty one) in one variable; null as value removes it.
  [[nodiscard]] static context_map_ref with(const context_map* before, variable_key key, context_value_ref value);

 private:
  struct entry {
    variable_key key;
    context_value_ref value;
  };
  [[nodiscard]] std::vector<entry>::const_iterator place(variable_key key) const noexcept;

  std::vector<entry> entries_;
};

/// A context with an identity of its own. The map is guarded by a short lock.
class context_core final : public context_counted {
 public:
  context_core() noexcept = default;
  explicit context_core(context_map_ref map) noexcept;
  ~context_core() override;

  [[nodiscard]] context_map_ref map() const noexcept;
  [[nodiscard]] context_ref copy() const;
  [[nodiscard]] context_value_ref find(variable_key key) const noexcept;
  [[nodiscard]] std::size_t size() const noexcept;
  /// Sets or, with null, removes a value; returns the old one.
  context_value_ref exchange(variable_key key, context_value_ref value);
  /// Takes the values of a slot over; `counted` passes the slot's count on. Under the lock; for a new context.
  void adopt(const context_map* map, bool counted) noexcept;

  spin_lock entered;  // held inside run()

  /// A moment's truth for others; for the only task that uses the context, what it has done.
  [[nodiscard]] bool is_empty() const noexcept { return map_.load(std::memory_order_relaxed) == nullptr; }

 private:
  std::atomic<const context_map*> map_{nullptr};  // written under the lock
  context_map_ref adopted_;  // kept to the end: the owner of the slot may be reading it without the lock
};

/// The word of a task, callback or thread.
///
/// Thread:  its owner's; share() any, while the owner lives: the swap of the word is under a lock of context.cpp.
class context_slot {
 public:
  context_slot() noexcept = default;
  context_slot(const context_slot&) = delete;
  context_slot& operator=(const context_slot&) = delete;
  ~context_slot() {
    if (const std::uintptr_t w = word_.get(); w != 0) [[unlikely]]
      drop(w);
  }

  /// Takes the values of `other`, which belongs to this thread.
  void copy_from(const context_slot& other) noexcept {
    const std::uintptr_t w = other.word_.look();
    if (w == 0) [[likely]]
      return;
    if ((w & word::shared) != 0 && word::core_in(w)->is_empty())
      return;  // main's, as long as nobody sets a variable there
    copy_word(w);
  }
  /// Nothing is set here, nor was there a context to copy.
  [[nodiscard]] bool is_unset() const noexcept { return word_.get() == 0; }
  /// Refers to a context with an identity.
  void join(context_core& shared) noexcept;
  /// Refers to a map that somebody else counts for as long as this slot is used.
  void borrow(const context_map* map) noexcept {
    word_.set(map == nullptr ? 0 : reinterpret_cast<std::uintptr_t>(map) | word::lent);
  }

  /// The map, counted; null while nothing is set.
  [[nodiscard]] context_map_ref map() const noexcept { return word_.get() == 0 ? context_map_ref() : counted_map(); }
  [[nodiscard]] context_value_ref find(variable_key key) const noexcept;
  /// The context that this slot refers to, made one with an identity if it was not.   Thread: any.
  [[nodiscard]] context_ref share();
  [[nodiscard]] bool refers_to(const context_core& c) const noexcept;

 private:
  using word = basic_context_word<context_map, context_core>;

  void drop(std::uintptr_t w) noexcept;
  void copy_word(std::uintptr_t w) noexcept;
  [[nodiscard]] context_map_ref counted_map() const noexcept;

  word word_;
};

/// The slot of the code that runs on this thread: a context that was entered, else its task, else the thread.
[[nodiscard]] context_slot& current_context() noexcept;
/// What it refers to, made a context with an identity if it was none.
[[nodiscard]] context_ref share_current_context();
[[nodiscard]] inline context_value_ref look_up(variable_key key) noexcept { return current_context().find(key); }

/// While it lives, code on this thread runs in `slot`.
class entered_slot {
 public:
  explicit entered_slot(context_slot& slot) noexcept;
  entered_slot(const entered_slot&) = delete;
  entered_slot& operator=(const entered_slot&) = delete;
  ~entered_slot();

 private:
  context_slot* before_;
};

/// The same for a context, which may be entered once at a time.   Throws: error.
class entered_context {
 public:
  explicit entered_context(context_core& c);
  entered_context(const entered_context&) = delete;
  entered_context& operator=(const entered_context&) = delete;
  ~entered_context() { core_.entered.unlock(); }

 private:
  static context_core& enter(context_core& c);

  context_core& core_;
  context_slot slot_;
  entered_slot inside_;
};

}  // namespace gyre::detail
