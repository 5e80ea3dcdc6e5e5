// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <gyre/fiber/fiber.hpp>  // bad: io may not include fiber
#include <gyre/core/task.hpp>
