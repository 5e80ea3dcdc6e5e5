// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/text.hpp>
#include <gyre/core/await_circle.hpp>
#include <gyre/core/error.hpp>
#include <gyre/core/task_record.hpp>

#include <algorithm>

namespace gyre::detail {
namespace {

struct lock_of_word {
  explicit lock_of_word(task_core& t) noexcept : task(t) {}
  lock_of_word(const lock_of_word&) = delete;
  lock_of_word& operator=(const lock_of_word&) = delete;
  ~lock_of_word() { task.state.unlock(); }
  task_core& task;
};

std::string name_of(task_core& t) {
  std::string text;
  append_quoted(text, core_ref<task_record>(t.type->record(t))->name());
  return text;
}

}  // namespace

auto await_circle::look(const future_core& awaited) noexcept -> verdict {
  forget();
  busy_ = false;
  if (closing_.limits != 0 || !closing_.type->may_be_awaited(closing_)) return verdict::none;
  if (follow(awaited, 0)) return verdict::closed;
  return busy_ ? verdict::busy : verdict::none;
}

bool await_circle::follow(const future_core& f, int passed) noexcept {
  const task_core* const producer = f.producer();
  if (producer == &closing_) return true;
  if (producer != nullptr) return follow_task(const_cast<task_core&>(*producer), passed);
  struct step {
    await_circle* self;
    int passed;
  };
  const step here{this, passed};
  return f.any_needed(
      [](const future_core& needed, const void* s) noexcept {
        const auto& from = *static_cast<const step*>(s);
        return from.self->follow(needed, from.passed + 1);
      },
      &here);
}

bool await_circle::follow_task(task_core& t, int passed) noexcept {
  if (passed == longest || !t.state.forwards_cancel()) return false;
  if (!t.state.try_lock()) {
    busy_ = busy_ || t.state.forwards_cancel();
    return false;
  }
  const lock_of_word still(t);
  if (!t.state.forwards_cancel() || t.limits != 0 || !follow(*t.waits_for, passed + 1)) return false;
  if (count_ < shown) {
    t.type->hold(t);
    circle_[count_] = place{&t, t.innermost().line};
  }
  ++count_;
  return true;
}

void await_circle::forget() noexcept {
  for (std::size_t i = 0; i < std::min(count_, shown); ++i) circle_[i].task->type->drop(*circle_[i].task);
  count_ = 0;
}

void await_circle::raise() {
  const std::string own = name_of(closing_);
  std::string text = "tasks would await each other in a circle: " + own + " awaits ";
  if (count_ == 0) text += "itself";
  if (count_ > shown) {
    append_unsigned(text, count_ - shown);
    text += " others, then ";
  }
  for (std::size_t i = std::min(count_, shown); i-- > 0;) {
    const std::string name = name_of(*circle_[i].task);
    text += name + "; " + name + " awaits " + (i == 0 ? own : "") + (i == 0 ? " at " : "");
    if (i == 0) append_place(text, circle_[i].line);
  }
  forget();
  throw would_deadlock(text);
}

}  // namespace gyre::detail
