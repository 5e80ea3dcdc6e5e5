// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <gyre/io/op.hpp>
#include <gyre/asio.hpp>  // bad: a header without Asio may not include <gyre/asio.hpp>
#include <gyre/testing/network.hpp>  // bad: a header without Asio may not include <gyre/testing/network.hpp>
