// SPDX-License-Identifier: BSL-1.0
// Ops that make up bodies: events, pauses, errors, blocks within blocks, callbacks.
#include "ops.hpp"

namespace conformance {
namespace {

void emit(actor& me, const op& o) { me.in.note(me, "emit", o.v); }

void raise_error(actor&, const op& o) { throw raised_error(o.error); }

gyre::coro<> sleep(actor&, const op& o) { co_await gyre::sleep(o.ticks.value_or(0) * tick); }

gyre::coro<returned> call(actor& me, const op& o) { return perform(me, o.body); }

gyre::coro<returned> repeat(actor& me, const op& o) {
  for (std::int64_t i = 0; i < o.count.value_or(0); ++i) {
    returned result = co_await perform(me, o.body);
    if (result) co_return result;
  }
  co_return returned();
}

// Nothing is awaited in a catch handler: C++ forbids it.
gyre::coro<returned> attempt(actor& me, const op& o) {
  returned result;
  std::exception_ptr error;
  try {
    result = co_await perform(me, o.body);
  } catch (...) {
    error = std::current_exception();
  }
  if (error != nullptr && catches(o, error)) {
    const std::exception_ptr caught = std::exchange(error, nullptr);
    me.in.note(me, "caught", value(name_of(caught)));
    try {
      result = co_await perform(me, o.handler);
      if (o.rethrows) error = caught;
    } catch (...) {
      error = std::current_exception();
    }
  }
  static_cast<void>(co_await perform(me, o.last));
  if (error != nullptr) std::rethrow_exception(error);
  co_return result;
}

void call_back(actor& me, const op& o) {
  try {
    for (const op& each : o.body) {
      me.in.step();
      if (each.does == nullptr || each.does->at_once == nullptr)
        throw std::logic_error("an op that waits, in a callback");
      each.does->at_once(me, each);
    }
  } catch (const std::exception&) {
    me.in.note(me, "error", value(name_of(std::current_exception())));
  }
}

void call_later(actor& me, const op& o) {
  actor& callback = me.in.actor_of(o.name);
  gyre::get_running_loop().call_later(o.ticks.value_or(0) * tick, [&callback, &o] { call_back(callback, o); });
}

constexpr meaning table[] = {at_once("emit", &emit),
                             at_once("raise", &raise_error),
                             waits("sleep", &sleep),
                             encloses("call", &call),
                             encloses("repeat", &repeat),
                             encloses("try", &attempt),
                             at_once("call_later", &call_later)};

}  // namespace

std::span<const meaning> body_ops() { return table; }

}  // namespace conformance
