// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/text.hpp>
#include <gyre/core/exception_group.hpp>

namespace gyre {
namespace {

std::string with_count(const std::string& message, std::size_t count) {
  std::string out = message + " (";
  detail::append_unsigned(out, count);
  out += count == 1 ? " sub-exception)" : " sub-exceptions)";
  return out;
}

bool is_base(const std::exception_ptr& error) noexcept {
  if (const auto* inner = detail::caught_as<exception_group>(error); inner != nullptr)
    return inner->has_base_exceptions();
  return detail::caught_as<std::exception>(error) == nullptr;
}

}  // namespace

exception_group::exception_group(std::string message, std::vector<std::exception_ptr> exceptions)
    : error(with_count(message, exceptions.size())) {
  if (exceptions.empty()) throw value_error("exception_group: there are no exceptions");
  auto made = std::make_shared<contents>();
  for (const std::exception_ptr& each : exceptions) {
    if (each == nullptr) throw value_error("exception_group: an exception is null");
    made->base = made->base || is_base(each);
  }
  made->message = std::move(message);
  made->exceptions = std::move(exceptions);
  held_ = std::move(made);
}

exception_group_ptr exception_group::derive(std::vector<std::exception_ptr> exceptions) const {
  return exception_group_ptr(exception_group(message(), std::move(exceptions)));
}

std::pair<exception_group_ptr, exception_group_ptr> exception_group::split_by(predicate wanted, void* context) const {
  exception_group_ptr whole = derive(exceptions());
  if (wanted(context, whole)) return {std::move(whole), nullptr};
  return split_parts(wanted, context);
}

std::pair<exception_group_ptr, exception_group_ptr> exception_group::split_parts(predicate wanted,
                                                                                 void* context) const {
  std::vector<std::exception_ptr> match;
  std::vector<std::exception_ptr> rest;
  for (const std::exception_ptr& each : exceptions()) {
    if (wanted(context, each)) {
      match.push_back(each);
    } else if (const auto* inner = detail::caught_as<exception_group>(each); inner != nullptr) {
      const auto [its_match, its_rest] = inner->split_parts(wanted, context);
      if (its_match) match.push_back(its_match);
      if (its_rest) rest.push_back(its_rest);
    } else {
      rest.push_back(each);
    }
  }
  std::pair<exception_group_ptr, exception_group_ptr> halves;
  if (!match.empty()) halves.first = derive(std::move(match));
  if (!rest.empty()) halves.second = derive(std::move(rest));
  return halves;
}

void exception_group::append_text(std::string& out) const {
  out += has_base_exceptions() ? "BaseExceptionGroup(" : "ExceptionGroup(";
  detail::append_quoted(out, message());
  out += ", [";
  detail::append_elements(out, exceptions());
  out += "])";
}

}  // namespace gyre
