// SPDX-License-Identifier: BSL-1.0
#pragma once
// loop_local: one object for each loop, for tasks and callbacks that run there.  Layer: loop.
// Bodies: lib/loop/loop_local.cpp
#include <gyre/base/unique_function.hpp>
#include <gyre/core/current.hpp>

#include <concepts>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace gyre {

namespace detail {

/// The place of one loop_local in the table of every loop. Places are used again, keys never.
class local_key {
 public:
  local_key();
  local_key(const local_key&) = delete;
  local_key& operator=(const local_key&) = delete;
  ~local_key();

  [[nodiscard]] std::uint32_t place() const noexcept { return place_; }
  [[nodiscard]] std::uint64_t key() const noexcept { return key_; }

 private:
  std::uint32_t place_;
  std::uint64_t key_;
};

using local_destroyer = void (*)(void*) noexcept;

/// The running loop's object for a key, null if it has none.   Throws: no_running_loop naming `call`.
[[nodiscard]] void* find_local(const local_key& which, const char* call);
/// Keeps an object for the running loop; it is destroyed if there is no memory to keep it.
void keep_local(const local_key& which, void* object, local_destroyer destroy);

/// The loop that runs here, to be compared only.
[[nodiscard]] const home* local_home() noexcept;
[[noreturn]] void throw_moved_local(const home* made_on);

}  // namespace detail

/// A reference to a loop's object that knows where it belongs: used on another loop, after its task has moved, it throws.
///
/// Throws:  error, naming both loops.   Cost: a look at the running loop for each use.
template <class T>
class local_ref {
 public:
  explicit local_ref(T& object) noexcept : object_(&object), home_(detail::local_home()) {}

  [[nodiscard]] T& operator*() const { return *checked(); }
  [[nodiscard]] T* operator->() const { return checked(); }

 private:
  [[nodiscard]] T* checked() const {
    if (detail::local_home() != home_) [[unlikely]]
      detail::throw_moved_local(home_);
    return object_;
  }

  T* object_;
  const detail::home* home_;
};

/// One T for each loop that asks for it: a cache, a connection, a counter that needs no lock.
///
///     loop_local<counters> hits;      ++hits->total;
///
/// Shape:   made at the first use on a loop; a stealable task may find another loop's object after each suspension. So a
///          T& must not be kept over one, unless the task is pinned or in a pin_scope; ref() gives one that checks it.
/// Thread:  any loop's, at the same time: each sees its own object. Not in to_thread() functions and outside of loops.
/// Life:    an object is destroyed when its loop has ended and all tasks of the runtime are gone, on the loop's own thread
///          (the closing thread for a loop that runs on no thread of its own, or whose object was made by the destructors of
///          abandoned tasks); the objects of one loop in reverse order of making. A loop_local may go before: what its loops
///          hold lives on.
/// Cost:    no lock, no atomic operation; an index into the loop's table.   Like: threading.local.
template <class T>
class loop_local {
 public:
  /// Every loop gets a T().
  loop_local()
    requires std::default_initializable<T>
      : loop_local([] { return T(); }) {}
  /// Every loop gets what `make()` returns; several loops may call it at the same time. It must not use this loop_local.
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, loop_local> && std::is_invocable_r_v<T, std::decay_t<F>&>)
  explicit loop_local(F&& make) : make_([made = std::forward<F>(make)]() mutable -> void* { return new T(made()); }) {}

  /// The running loop's object.   Throws: no_running_loop; what making it throws, and then there is none yet.
  [[nodiscard]] T& get() const {
    void* object = detail::find_local(key_, "loop_local");
    if (object == nullptr) [[unlikely]]
      object = build();
    return *static_cast<T*>(object);
  }
  [[nodiscard]] T& operator*() const { return get(); }
  [[nodiscard]] T* operator->() const { return &get(); }

  /// The same, checked at each use.
  [[nodiscard]] local_ref<T> ref() const { return local_ref<T>(get()); }
  /// The running loop's object if it was made, else null.   Throws: no_running_loop.
  [[nodiscard]] T* find() const { return static_cast<T*>(detail::find_local(key_, "loop_local")); }

 private:
  void* build() const {
    void* object = make_();
    detail::keep_local(key_, object, [](void* made) noexcept { delete static_cast<T*>(made); });
    return object;
  }

  detail::local_key key_;
  mutable unique_function<void*()> make_;  // called by several threads at once; it does not change itself
};

}  // namespace gyre
