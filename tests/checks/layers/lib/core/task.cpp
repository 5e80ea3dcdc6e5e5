// SPDX-License-Identifier: BSL-1.0
#include <boost/asio/io_context.hpp>
#include "state.hpp"
#include <gyre/core/task.hpp>
