// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <boost/asio/io_context.hpp>  // bad: a public header may not include <boost/asio/io_context.hpp>
