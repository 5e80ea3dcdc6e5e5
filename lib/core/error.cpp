// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/text.hpp>
#include <gyre/core/error.hpp>

#include <gyre/core/exception_group.hpp>
#include <new>

#include <cstring>
#include <typeinfo>

namespace gyre::detail {
namespace {

// asyncio's errors show under their Python names; the rest under their own.
bool append_python_name(std::string& out, const std::exception& e) {
  const std::type_info& type = typeid(e);
  if (type == typeid(timeout_error) || type == typeid(caused<timeout_error>)) {
    out += "TimeoutError";
  } else if (type == typeid(invalid_state_error)) {
    out += "InvalidStateError";
  } else if (type == typeid(queue_empty)) {
    out += "QueueEmpty";
  } else if (type == typeid(queue_full)) {
    out += "QueueFull";
  } else if (type == typeid(queue_shut_down)) {
    out += "QueueShutDown";
  } else if (type == typeid(broken_barrier_error)) {
    out += "BrokenBarrierError";
  } else if (type == typeid(value_error)) {
    out += "ValueError";
  } else if (type == typeid(error)) {
    out += "RuntimeError";
  } else {
    return false;
  }
  return true;
}

void append_with_what(std::string& out, std::string_view what) {
  out += '(';
  if (!what.empty()) append_quoted(out, what);
  out += ')';
}

}  // namespace

const void* caught_object(const std::exception_ptr& error, const std::type_info& type) noexcept {
  // libstdc++ only: an exception_ptr is one pointer to the thrown object, and type_info can answer "would a handler of
  // this type catch it, and where is that subobject".
  static_assert(sizeof(std::exception_ptr) == sizeof(void*));
  if (error == nullptr) return nullptr;
  void* object = nullptr;
  std::memcpy(&object, &error, sizeof object);
  return type.__do_catch(error.__cxa_exception_type(), &object, 1) ? object : nullptr;
}

bool ends_program(const std::exception_ptr& error) noexcept {
  return caught_as<keyboard_interrupt>(error) != nullptr || caught_as<system_exit>(error) != nullptr;
}

std::exception_ptr cancelled_with(std::string_view message) noexcept {
  try {
    std::exception_ptr made = std::make_exception_ptr(cancelled_error(std::string(message)));
    if (caught_as<cancelled_error>(made) != nullptr) return made;
  } catch (const std::bad_alloc&) {
  }
  return std::make_exception_ptr(cancelled_error());
}

void append_exception(std::string& out, const std::exception_ptr& error) {
  if (error == nullptr) {
    out += "None";
    return;
  }
  try {
    std::rethrow_exception(error);
  } catch (const cancelled_error& e) {
    out += "CancelledError";
    append_with_what(out, e.what());
  } catch (const keyboard_interrupt& e) {
    out += "KeyboardInterrupt";
    append_with_what(out, e.what());
  } catch (const system_exit& e) {
    out += "SystemExit(";
    append_signed(out, e.code());
    out += ')';
  } catch (const exception_group& e) {
    e.append_text(out);
  } catch (const std::exception& e) {
    if (!append_python_name(out, e)) append_type_name(out, typeid(e).name());
    append_with_what(out, e.what());
  } catch (...) {
    out += "<exception of an unknown type>";
  }
}

}  // namespace gyre::detail
