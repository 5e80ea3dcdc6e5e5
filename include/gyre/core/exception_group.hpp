// SPDX-License-Identifier: BSL-1.0
#pragma once
// exception_group: several errors thrown as one.  Layer: core.  Bodies: lib/core/exception_group.cpp
#include <gyre/core/error.hpp>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace gyre {

class exception_group;

/// A group that was taken out of another one, or nothing. It points to the group, and it is an exception_ptr to throw.
class exception_group_ptr {
 public:
  exception_group_ptr() noexcept = default;
  exception_group_ptr(std::nullptr_t) noexcept {}
  /// Makes an exception of `group`, with the type that it has here.
  template <class Group>
    requires std::is_base_of_v<exception_group, Group>
  explicit exception_group_ptr(Group group) : error_(std::make_exception_ptr(std::move(group))) {
    group_ = detail::caught_as<Group>(error_);
  }

  [[nodiscard]] const exception_group& operator*() const noexcept { return *group_; }
  [[nodiscard]] const exception_group* operator->() const noexcept { return group_; }
  explicit operator bool() const noexcept { return group_ != nullptr; }
  operator const std::exception_ptr&() const noexcept { return error_; }  // NOLINT: std::rethrow_exception(group)
  friend bool operator==(const exception_group_ptr& p, std::nullptr_t) noexcept { return p.group_ == nullptr; }

 private:
  std::exception_ptr error_;
  const exception_group* group_ = nullptr;
};

/// What a task group throws: the errors of all its tasks. Groups may be nested.
///
/// Thread:  never changes; copies share what they hold.
/// Like:    ExceptionGroup. Also what Python calls BaseExceptionGroup, see has_base_exceptions(): a program that catches
///          `std::exception` catches those as well.
class exception_group : public error {
 public:
  /// Throws:  value_error if there are no exceptions, or one is null.
  exception_group(std::string message, std::vector<std::exception_ptr> exceptions);

  // what() is the message and the count: `unhandled errors in a TaskGroup (2 sub-exceptions)`.

  /// What the group was made with.
  [[nodiscard]] const std::string& message() const noexcept { return held_->message; }
  /// The errors, in the order in which they came; groups among them as they are.
  [[nodiscard]] const std::vector<std::exception_ptr>& exceptions() const noexcept { return held_->exceptions; }
  /// True if one of them, at any depth, is not a std::exception: a base_exception, or something else that was thrown.
  [[nodiscard]] bool has_base_exceptions() const noexcept { return held_->base; }

  /// The errors that are an E, and the others, each as a group of the same shape, or null if there are none.
  ///
  /// Shape:   nested groups are split, too. A group itself is an E only if E is exception_group or derived from it.
  /// Like:    split(type), and `except*`: `auto [mine, rest] = g.split<E>(); if (rest) std::rethrow_exception(rest);`
  template <class E>
  [[nodiscard]] std::pair<exception_group_ptr, exception_group_ptr> split() const {
    return split_by(&is_a<E>, nullptr);
  }
  /// The same for errors for which `wanted(const std::exception_ptr&)` is true. It is asked about groups first: one for which
  /// it is true is taken as a whole.
  template <class Predicate>
    requires std::is_invocable_r_v<bool, Predicate&, const std::exception_ptr&>
  [[nodiscard]] std::pair<exception_group_ptr, exception_group_ptr> split(Predicate wanted) const {
    return split_by(&asked<Predicate>, &wanted);
  }

  /// The first half of what split() gives.
  template <class E>
  [[nodiscard]] exception_group_ptr subgroup() const {
    return split<E>().first;
  }
  template <class Predicate>
    requires std::is_invocable_r_v<bool, Predicate&, const std::exception_ptr&>
  [[nodiscard]] exception_group_ptr subgroup(Predicate wanted) const {
    return split(std::move(wanted)).first;
  }

  /// A group like this one, of other errors. A derived class overrides it so that its parts are of its own type.
  [[nodiscard]] virtual exception_group_ptr derive(std::vector<std::exception_ptr> exceptions) const;

  /// `ExceptionGroup('unhandled errors in a TaskGroup', [ValueError('1')])`
  void append_text(std::string& out) const;

 private:
  using predicate = bool (*)(void* context, const std::exception_ptr&);
  struct contents {
    std::string message;
    std::vector<std::exception_ptr> exceptions;
    bool base = false;
  };

  template <class E>
  static bool is_a(void*, const std::exception_ptr& error) {
    if (!std::is_base_of_v<exception_group, E> && detail::caught_as<exception_group>(error) != nullptr) return false;
    return detail::caught_as<E>(error) != nullptr;
  }
  template <class Predicate>
  static bool asked(void* context, const std::exception_ptr& error) {
    return (*static_cast<Predicate*>(context))(error);
  }

  [[nodiscard]] std::pair<exception_group_ptr, exception_group_ptr> split_by(predicate wanted, void* context) const;
  [[nodiscard]] std::pair<exception_group_ptr, exception_group_ptr> split_parts(predicate wanted, void* context) const;

  std::shared_ptr<const contents> held_;
};

}  // namespace gyre
