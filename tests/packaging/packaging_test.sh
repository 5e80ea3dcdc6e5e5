#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Usage: packaging_test.sh find_package|add_subdirectory|pkg_config SOURCE_DIR BUILD_DIR COMPILER [LAUNCHER]
set -euo pipefail
way=$1 source_dir=$2 build_dir=$3 compiler=$4 launcher=${5:-}
consumer=$source_dir/tests/packaging/consumer
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

configure_and_build() {
  cmake -S "$consumer" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER="$compiler" \
    -DCMAKE_CXX_COMPILER_LAUNCHER="$launcher" "$@"
  cmake --build "$work/build" --target consumer
  program=$work/build/consumer
}

case $way in
  add_subdirectory)
    configure_and_build -DGYRE_SOURCE_DIR="$source_dir"
    ;;
  find_package)
    cmake --install "$build_dir" --prefix "$work/prefix" >"$work/install.log"
    configure_and_build -DCMAKE_PREFIX_PATH="$work/prefix"
    ;;
  pkg_config)
    cmake --install "$build_dir" --prefix "$work/prefix" >"$work/install.log"
    pc=$(find "$work/prefix" -name gyre.pc)
    export PKG_CONFIG_PATH=${pc%/*}
    # --define-prefix: the prefix is where the file lies now, as in a package that was unpacked elsewhere.
    read -ra cflags <<<"$(pkg-config --define-prefix --cflags gyre)"
    read -ra libs <<<"$(pkg-config --define-prefix --libs gyre)"
    program=$work/consumer
    "$compiler" -std=c++20 -O2 "${cflags[@]}" "$consumer/main.cpp" -o "$program" "${libs[@]}"
    export LD_LIBRARY_PATH=${pc%/pkgconfig/*}
    ;;
  *)
    echo "unknown way: $way" >&2
    exit 2
    ;;
esac

output=$("$program")
echo "consumer by $way says: $output"
[[ $output == "three and four make 7" ]]
