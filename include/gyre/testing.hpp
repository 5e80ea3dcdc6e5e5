// SPDX-License-Identifier: BSL-1.0
#pragma once
// Tests on a virtual clock: whole runtimes of any number of loops on one thread, replayed from a seed.  Layer: testing.
#include <gyre/testing/explore.hpp>
#include <gyre/testing/sim_options.hpp>
#include <gyre/testing/simulation.hpp>
