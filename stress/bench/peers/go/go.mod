// SPDX-License-Identifier: BSL-1.0
module gyre-bench-go

go 1.19
