// SPDX-License-Identifier: BSL-1.0  // bad: extra is not a layer
