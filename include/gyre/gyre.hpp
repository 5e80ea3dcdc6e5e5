// SPDX-License-Identifier: BSL-1.0
#pragma once
// Everything but gyre/asio.hpp (which includes Boost.Asio) and gyre/testing.hpp.
#include <gyre/core/async_generator.hpp>
#include <gyre/core/coro.hpp>
#include <gyre/core/error.hpp>
#include <gyre/core/future.hpp>
#include <gyre/core/task.hpp>
#include <gyre/flow/as_completed.hpp>
#include <gyre/flow/gather.hpp>
#include <gyre/flow/resume_on.hpp>
#include <gyre/flow/scope.hpp>
#include <gyre/flow/shield.hpp>
#include <gyre/flow/sleep.hpp>
#include <gyre/flow/timeout.hpp>
#include <gyre/flow/wait.hpp>
#include <gyre/loop/event_loop.hpp>
#include <gyre/runtime/offload.hpp>
#include <gyre/runtime/run.hpp>
#include <gyre/runtime/runtime.hpp>
#include <gyre/runtime/threadsafe.hpp>
#include <gyre/sync/event.hpp>
#include <gyre/sync/lock.hpp>
#include <gyre/sync/queue.hpp>
#include <gyre/sync/semaphore.hpp>
