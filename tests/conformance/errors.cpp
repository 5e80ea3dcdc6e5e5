// SPDX-License-Identifier: BSL-1.0
#include "errors.hpp"

#include <algorithm>
#include <typeinfo>

namespace conformance {
namespace {

std::string name_of_group(const gyre::exception_group& group) {
  std::vector<std::string> inner;
  for (const std::exception_ptr& each : group.exceptions()) inner.push_back(name_of(each));
  std::sort(inner.begin(), inner.end());
  std::string text = "ExceptionGroup[";
  for (const std::string& each : inner) {
    if (&each != &inner.front()) text += ',';
    text += each;
  }
  return text + ']';
}

// gyre has finer types than asyncio below RuntimeError. They are for misuse that no scenario contains, so their own names
// are shown: one that turns up is a divergence.
std::string name_of_misuse(const gyre::error& e) {
  if (typeid(e) == typeid(gyre::error)) return "RuntimeError";
  return std::string(typeid(e).name()) + ": " + e.what();
}

}  // namespace

std::string name_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const raised_error& e) {
    return e.what();
  } catch (const gyre::exception_group& e) {
    return name_of_group(e);
  } catch (const gyre::cancelled_error&) {
    return "CancelledError";
  } catch (const gyre::timeout_error&) {
    return "TimeoutError";
  } catch (const gyre::invalid_state_error&) {
    return "InvalidStateError";
  } catch (const gyre::queue_empty&) {
    return "QueueEmpty";
  } catch (const gyre::queue_full&) {
    return "QueueFull";
  } catch (const gyre::queue_shut_down&) {
    return "QueueShutDown";
  } catch (const gyre::broken_barrier_error&) {
    return "BrokenBarrierError";
  } catch (const gyre::error& e) {
    return name_of_misuse(e);
  } catch (const gyre::value_error&) {
    return "ValueError";
  } catch (const gyre::lookup_error&) {
    return "KeyError";
  } catch (const std::exception& e) {
    return e.what();
  } catch (const gyre::base_exception& e) {
    return e.what();
  }
}

value shown(const std::exception_ptr& error) { return value(std::string("!").append(name_of(error))); }

bool is_cancellation(const std::exception_ptr& error) noexcept {
  return gyre::detail::caught_as<gyre::cancelled_error>(error) != nullptr;
}

bool catches(const op& o, const std::exception_ptr& error) {
  std::string name = name_of(error);
  name.resize(std::min(name.find('['), name.size()));
  const auto listed = [&o](std::string_view wanted) {
    return std::find(o.catches.begin(), o.catches.end(), wanted) != o.catches.end();
  };
  return listed(name) || (listed("any") && !is_cancellation(error));
}

}  // namespace conformance
