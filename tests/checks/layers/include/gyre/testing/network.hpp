// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <boost/asio/buffer.hpp>
#include <gyre/asio.hpp>
#include <gyre/testing/network_stream.hpp>
