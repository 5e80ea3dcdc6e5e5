// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <gyre/core/task.hpp>
#include <gyre/testing.hpp>  // bad: umbrella may not include testing
