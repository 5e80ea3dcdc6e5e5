// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <gyre/io/op.hpp>
#include <gyre/asio.hpp>
