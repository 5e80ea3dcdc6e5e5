// SPDX-License-Identifier: BSL-1.0
#pragma once
// Context variables: values that belong to a task and go with it wherever it runs.  Layer: core.
// Bodies: lib/core/context.cpp
#include <gyre/core/context_slot.hpp>
#include <gyre/core/error.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace gyre {

template <class T>
class context_var;
class context;

namespace detail {

/// A value of a context, shared by all contexts that hold it; it never changes.
template <class T>
struct context_value_of final : context_value {
  template <class... Args>
  explicit context_value_of(Args&&... args) : value(std::forward<Args>(args)...) {}
  const T value;
};

/// What does not depend on the type of a variable.
class any_context_var {
 public:
  any_context_var(const any_context_var&) = delete;
  any_context_var& operator=(const any_context_var&) = delete;
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 protected:
  explicit any_context_var(std::string name) noexcept;
  ~any_context_var() = default;
  [[nodiscard]] variable_key key() const noexcept { return key_; }
  [[noreturn]] void throw_unset() const;

 private:
  std::string name_;
  variable_key key_;
};

/// What the token of a set() remembers, apart from the old value's type.
class token_base {
 public:
  token_base(token_base&&) noexcept = default;
  token_base& operator=(token_base&&) noexcept = default;

 protected:
  token_base(variable_key key, context_ref where, context_value_ref old) noexcept
      : key_(key), where_(std::move(where)), old_(std::move(old)) {}
  /// Puts the old value back.   Throws: error (used before), value_error (another variable or context).
  void reset_to_old(variable_key key);

  variable_key key_;
  context_ref where_;
  context_value_ref old_;
  bool used_ = false;
};

}  // namespace detail

/// What set() gives, to go back with reset().   Like: contextvars.Token.
template <class T>
class token : public detail::token_base {
 public:
  /// The value that set() replaced; null if there was none.
  [[nodiscard]] const T* old_value() const noexcept {
    return old_ == nullptr ? nullptr : &static_cast<const detail::context_value_of<T>&>(*old_).value;
  }

 private:
  friend class context_var<T>;
  using token_base::token_base;
};

/// A variable of which each task has its own value, inherited from the task or thread that created it.
///
/// Life:    usually of static storage. Values stay where they are set when the variable goes.
/// Thread:  any; outside tasks each thread has a context of its own.
/// Cost:    get() looks through the variables that are set, a few; a new task copies nothing but a pointer; set() allocates.
/// Like:    contextvars.ContextVar.
template <class T>
class context_var : public detail::any_context_var {
 public:
  explicit context_var(std::string name) noexcept : any_context_var(std::move(name)) {}
  context_var(std::string name, T fallback) : any_context_var(std::move(name)), default_(std::move(fallback)) {}

  /// The value in the current context, else the default.   Throws: lookup_error if there is neither.
  [[nodiscard]] T get() const {
    if (const auto held = detail::look_up(key())) return value_of(*held);
    if (!default_) throw_unset();
    return *default_;
  }
  /// The value in the current context, else `fallback`.
  [[nodiscard]] T get(T fallback) const {
    if (const auto held = detail::look_up(key())) return value_of(*held);
    return fallback;
  }

  /// Sets the value in the current context: for this task, and what it creates from now on.
  token<T> set(T value) const {
    detail::context_value_ref fresh(new detail::context_value_of<T>(std::move(value)));
    detail::context_ref here = detail::share_current_context();
    detail::context_value_ref old = here->exchange(key(), std::move(fresh));
    return token<T>(key(), std::move(here), std::move(old));
  }

  /// Takes a set() of this variable back, in the context where it was made.
  ///
  /// Throws:  error when the token was used before; value_error for a token of another variable or context.
  void reset(token<T>& t) const { t.reset_to_old(key()); }
  void reset(token<T>&& t) const { t.reset_to_old(key()); }

 private:
  friend class context;
  [[nodiscard]] static const T& value_of(const detail::context_value& held) noexcept {
    return static_cast<const detail::context_value_of<T>&>(held).value;
  }

  std::optional<T> default_;
};

/// A set of values that can be entered: by run(), by a task made with task_options::context, by a callback.
///
/// Shape:   a shared handle; copy() makes an independent context with the same values, at once.
/// Thread:  any. Several tasks may share one: each change is seen by all.
/// Like:    contextvars.Context.
class context {
 public:
  /// An empty context.
  context() : core_(detail::context_ref(new detail::context_core())) {}
  explicit context(detail::context_ref core) noexcept : core_(std::move(core)) {}

  /// Calls `fn(args...)` in this context: what it sets stays here.   Throws: error when it is entered already.
  template <class F, class... Args>
  decltype(auto) run(F&& fn, Args&&... args) const {
    const detail::entered_context inside(*core_);
    return std::forward<F>(fn)(std::forward<Args>(args)...);
  }

  [[nodiscard]] context copy() const { return context(core_->copy()); }

  /// The value of `var` here, empty if it has none.
  template <class T>
  [[nodiscard]] std::optional<T> get(const context_var<T>& var) const {
    const detail::context_value_ref held = core_->find(var.key());
    if (held == nullptr) return std::nullopt;
    return context_var<T>::value_of(*held);
  }
  template <class T>
  [[nodiscard]] bool contains(const context_var<T>& var) const {
    return core_->find(var.key()) != nullptr;
  }
  /// How many variables have a value here.
  [[nodiscard]] std::size_t size() const noexcept { return core_->size(); }

  friend bool operator==(const context& a, const context& b) noexcept { return a.core_.get() == b.core_.get(); }

  [[nodiscard]] detail::context_core& core() const noexcept { return *core_; }

 private:
  detail::context_ref core_;
};

/// A copy of the current context, at once.   Like: contextvars.copy_context.
[[nodiscard]] context copy_context();

}  // namespace gyre
