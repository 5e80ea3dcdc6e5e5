// SPDX-License-Identifier: BSL-1.0
// Ops on locks, semaphores, events, conditions, barriers and futures.
#include "ops.hpp"

namespace conformance {
namespace {

// Calls `f` with the lock, condition or semaphore of that name.
template <class F>
auto on_held(object& any, F f) {
  if (auto* held = std::get_if<std::unique_ptr<gyre::condition>>(&any)) return f(**held);
  if (auto* held = std::get_if<std::unique_ptr<gyre::semaphore>>(&any)) return f(**held);
  return f(*std::get<std::unique_ptr<gyre::lock>>(any));
}

gyre::coro<returned> inside(actor& me, const op& o) {
  me.in.note(me, "enter", value(o.object));
  returned result = co_await perform(me, o.body);
  me.in.note(me, "leave", value(o.object));
  co_return result;
}

template <class Held>
gyre::coro<returned> hold(Held& held, actor& me, const op& o) {
  const auto body = [&me, &o] { return inside(me, o); };
  co_return co_await gyre::with(held, body);
}

gyre::coro<returned> with(actor& me, const op& o) {
  return on_held(me.in.object_of(o.object), [&](auto& held) { return hold(held, me, o); });
}

template <class Held>
gyre::coro<> take(Held& held, actor& me, const op& o) {
  co_await held.acquire();
  me.in.note(me, "acquire", value(o.object));
}

gyre::coro<> acquire(actor& me, const op& o) {
  return on_held(me.in.object_of(o.object), [&](auto& held) { return take(held, me, o); });
}

void release(actor& me, const op& o) {
  on_held(me.in.object_of(o.object), [](auto& held) { held.release(); });
  me.in.note(me, "release", value(o.object));
}

void locked(actor& me, const op& o) {
  const bool held = on_held(me.in.object_of(o.object), [](auto& any) { return any.locked(); });
  me.in.note(me, "locked", pair_of(o.object, value(held)));
}

// --- events -----------------------------------------------------------------------------------------------------------
void set(actor& me, const op& o) { me.in.get<gyre::event>(o.object).set(); }

void clear(actor& me, const op& o) { me.in.get<gyre::event>(o.object).clear(); }

gyre::coro<> event_wait(actor& me, const op& o) {
  const bool seen = co_await me.in.get<gyre::event>(o.object).wait();
  me.in.note(me, "event_wait", value(seen));
}

// --- conditions -------------------------------------------------------------------------------------------------------
gyre::coro<> cond_wait(actor& me, const op& o) {
  auto& condition = me.in.get<gyre::condition>(o.object);
  if (o.variable.empty()) {
    co_await condition.wait();
  } else {
    const auto enough = [&me, &o] { return me.in.variable(o.variable) >= o.at_least; };
    co_await condition.wait_for(enough);
  }
  me.in.note(me, "cond_wait", value(o.object));
}

void notify(actor& me, const op& o) {
  auto& condition = me.in.get<gyre::condition>(o.object);
  if (o.count) {
    condition.notify(static_cast<std::ptrdiff_t>(*o.count));
  } else {
    condition.notify_all();
  }
}

void add(actor& me, const op& o) { me.in.variable(o.variable) += o.count.value_or(0); }

// --- barriers ---------------------------------------------------------------------------------------------------------
gyre::coro<> barrier_wait(actor& me, const op& o) {
  static_cast<void>(co_await me.in.get<gyre::barrier>(o.object).wait());
  me.in.note(me, "barrier_wait", value(o.object));
}

gyre::coro<> barrier_reset(actor& me, const op& o) { co_await me.in.get<gyre::barrier>(o.object).reset(); }

gyre::coro<> barrier_abort(actor& me, const op& o) { co_await me.in.get<gyre::barrier>(o.object).abort(); }

// --- futures ----------------------------------------------------------------------------------------------------------
gyre::coro<> fut_await(actor& me, const op& o) {
  const gyre::future<value> awaited = me.in.get<gyre::future<value>>(o.object);
  value result = co_await awaited;
  me.in.note(me, "fut_await", pair_of(o.object, std::move(result)));
}

void fut_set(actor& me, const op& o) { me.in.get<gyre::future<value>>(o.object).set_result(o.v); }

void fut_fail(actor& me, const op& o) { me.in.get<gyre::future<value>>(o.object).set_exception(raised_error(o.error)); }

void fut_cancel(actor& me, const op& o) {
  const bool accepted = me.in.get<gyre::future<value>>(o.object).cancel();
  me.in.note(me, "cancel", pair_of(o.object, value(accepted)));
}

constexpr meaning table[] = {encloses("with", &with),
                             waits("acquire", &acquire),
                             at_once("release", &release),
                             at_once("locked", &locked),
                             at_once("set", &set),
                             at_once("clear", &clear),
                             waits("event_wait", &event_wait),
                             waits("cond_wait", &cond_wait),
                             at_once("notify", &notify),
                             at_once("add", &add),
                             waits("barrier_wait", &barrier_wait),
                             waits("barrier_reset", &barrier_reset),
                             waits("barrier_abort", &barrier_abort),
                             waits("fut_await", &fut_await),
                             at_once("fut_set", &fut_set),
                             at_once("fut_fail", &fut_fail),
                             at_once("fut_cancel", &fut_cancel)};

}  // namespace

std::span<const meaning> object_ops() { return table; }

}  // namespace conformance
