// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <gyre/io/op.hpp>  // bad: fiber may not include io
#include "../../../lib/core/state.hpp"  // bad: a private one
