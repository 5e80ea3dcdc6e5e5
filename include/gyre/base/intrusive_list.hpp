// SPDX-License-Identifier: BSL-1.0
#pragma once
// A doubly linked list whose links live in its elements: nothing allocates, any element leaves in O(1).  Layer: base.
#include <utility>

namespace gyre::detail {

/// Base of what can be in an intrusive_list<..., Tag>. Linked to itself means: in no list.
template <class Tag = void>
class list_link {
 public:
  list_link() noexcept = default;
  list_link(const list_link&) = delete;
  list_link& operator=(const list_link&) = delete;

  [[nodiscard]] bool linked() const noexcept { return next_ != nullptr; }

  /// Leaves its list. Shape: linked() holds.
  void unlink() noexcept {
    prev_->next_ = next_;
    next_->prev_ = prev_;
    prev_ = next_ = nullptr;
  }

 private:
  template <class T, class U>
  friend class intrusive_list;

  list_link* prev_ = nullptr;
  list_link* next_ = nullptr;
};

/// First in, first out. Owns nothing; elements outlive their stay.
///
/// Thread:  none of its own; the owner's lock or loop guards it, unlink() of an element included.
template <class T, class Tag = void>
class intrusive_list {
  using link = list_link<Tag>;

 public:
  intrusive_list() noexcept { clear(); }
  intrusive_list(const intrusive_list&) = delete;
  intrusive_list& operator=(const intrusive_list&) = delete;

  [[nodiscard]] bool empty() const noexcept { return ends_.next_ == &ends_; }
  [[nodiscard]] T& front() noexcept { return static_cast<T&>(*ends_.next_); }
  [[nodiscard]] T& back() noexcept { return static_cast<T&>(*ends_.prev_); }

  void push_back(T& element) noexcept { insert_before(ends_, element); }
  void push_front(T& element) noexcept { insert_before(*ends_.next_, element); }

  /// Takes the first element out. Shape: not empty.
  T& pop_front() noexcept {
    T& first = front();
    static_cast<link&>(first).unlink();
    return first;
  }

  /// Moves all of `other` to the end of this list.
  void splice_back(intrusive_list& other) noexcept {
    if (other.empty()) return;
    link* first = other.ends_.next_;
    link* last = other.ends_.prev_;
    first->prev_ = ends_.prev_;
    ends_.prev_->next_ = first;
    last->next_ = &ends_;
    ends_.prev_ = last;
    other.clear();
  }

  /// Calls f(element) for each, in order; f may unlink the element it is given.
  template <class F>
  void for_each(F&& f) {
    for (link* at = ends_.next_; at != &ends_;) {
      link* following = at->next_;
      f(static_cast<T&>(*at));
      at = following;
    }
  }

 private:
  void insert_before(link& place, T& element) noexcept {
    auto& fresh = static_cast<link&>(element);
    fresh.prev_ = place.prev_;
    fresh.next_ = &place;
    place.prev_->next_ = &fresh;
    place.prev_ = &fresh;
  }
  void clear() noexcept { ends_.prev_ = ends_.next_ = &ends_; }

  link ends_;
};

}  // namespace gyre::detail
