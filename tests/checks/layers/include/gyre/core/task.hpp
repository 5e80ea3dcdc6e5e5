// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <gyre/base/list.hpp>
#include <boost/asio/io_context.hpp>  // bad: a public header
#include <concurrentqueue/concurrentqueue.h>  // bad: a public header
#include <gyre/asio.hpp>  // bad: core may not include io
#include <gyre/core/none.hpp>  // bad: does not exist
