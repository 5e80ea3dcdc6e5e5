// SPDX-License-Identifier: BSL-1.0
#include "trial.hpp"

#include <gyre/debug/inspect.hpp>

#include <utility>

namespace storm {
namespace {

constexpr std::size_t most_violations = 10;  // of a round; one wrong counter often causes many

gyre::exception_handler make_handler(trial& t) {
  return [&t](gyre::event_loop&, const gyre::exception_context& report) {
    const auto tolerated = t.tolerated.load();
    const bool unread = report.message.ends_with("exception was never retrieved");
    if (tolerated == trial::tolerance::all || (tolerated == trial::tolerance::unread_errors && unread)) return;
    std::string text = "a report: " + report.message + ' ' + report.details;
    if (report.exception != nullptr) text += " (" + in_words(report.exception) + ')';
    t.violated(std::move(text));
  };
}

}  // namespace

void trial::violated(std::string what) {
  const std::lock_guard hold(guard_);
  if (violations_.size() < most_violations) violations_.push_back(std::move(what));
}

std::vector<std::string> trial::violations() const {
  const std::lock_guard hold(guard_);
  return violations_;
}

void trial::show(gyre::event_loop* loop) {
  const std::lock_guard hold(guard_);
  shown_ = loop;
}

std::string trial::shown_tasks() {
  const std::lock_guard hold(guard_);  // keeps the loop: its owner hides it before it goes
  return shown_ == nullptr ? std::string() : gyre::format_task_table(*shown_);
}

void refuse_reports(trial& t) {
  const gyre::current_runtime_view here = gyre::current_runtime();
  for (int i = 0; i < here.loop_count(); ++i) here.loop(i).set_exception_handler(make_handler(t));
}

void refuse_reports(trial& t, gyre::runtime& r) {
  for (int i = 0; i < r.loop_count(); ++i) r.loop(i).set_exception_handler(make_handler(t));
}

gyre::coro<> await_others(trial& t, std::size_t keep) {
  // A simulation may starve a loop for tens of thousands of steps; a deadlock is an error of its own there.
  const int looks = t.simulated ? 2'000'000 : 20'000;
  for (int i = 0; i < looks; ++i) {
    if (t.living.load() == 0 && gyre::all_tasks().size() <= keep) co_return;
    std::chrono::nanoseconds rest(0);
    if (i >= 100) rest = std::chrono::milliseconds(1);
    co_await gyre::sleep(rest);
  }
  std::string left;
  for (const gyre::any_task& each : gyre::all_tasks()) left += ' ' + to_string(each);
  t.violated("these do not end, " + std::to_string(t.living.load()) + " frames:" + left);
}

gyre::coro<> run_body(trial& t, gyre::coro<> (*body)(trial&)) {
  struct hide {
    explicit hide(trial& round) noexcept : of(round) {}
    hide(const hide&) = delete;
    hide& operator=(const hide&) = delete;
    ~hide() { of.show(nullptr); }
    trial& of;
  };
  refuse_reports(t);
  t.show(&gyre::get_running_loop());
  const hide at_end(t);
  co_await body(t);
  co_await await_others(t, 1);
}

std::string in_words(const std::exception_ptr& error) {
  try {
    if (error != nullptr) std::rethrow_exception(error);
    return "no error";
  } catch (const gyre::exception_group& group) {
    std::string text = group.what();
    for (const std::exception_ptr& each : group.exceptions()) text += "; " + in_words(each);
    return text;
  } catch (const std::exception& e) {
    return std::string(typeid(e).name()) + ": " + e.what();
  } catch (const gyre::base_exception& e) {
    return std::string(typeid(e).name()) + ": " + e.what();
  } catch (...) {
    return "an exception of unknown type";
  }
}

}  // namespace storm
