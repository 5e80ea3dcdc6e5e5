// SPDX-License-Identifier: BSL-1.0
#pragma once
// Names of functions by address, also of those that a program does not export.  Layer: runtime.
// Bodies: lib/runtime/symbols.cpp
#include <string>

namespace gyre::detail {

/// True if the address is inside the program or a library that is loaded.
[[nodiscard]] bool in_loaded_object(const void* address) noexcept;

/// Appends `f(int)+0x2c in PROGRAM`, or what is known of that. A return address may stand behind the last instruction of its
/// function: then the one before is looked for.
///
/// Cost:    maps the file of the program or library; milliseconds.
void append_symbol(std::string& out, const void* address, bool return_address);

}  // namespace gyre::detail
