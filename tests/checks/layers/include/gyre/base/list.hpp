// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <gyre/core/task.hpp>  // bad: base may not include core
#include <vector>
