#!/bin/sh
# Builds the classifiers that are written in C, and writes their SHA256SUMS.
# With --check it builds into a temporary folder and compares instead. The same
# compiler gives the same bytes on every machine.
set -eu
cd "$(dirname "$0")"

if ! command -v clang-19 >/dev/null || ! command -v wasm-ld-19 >/dev/null; then
	echo "classifiers/build.sh: clang-19 or lld-19 is not installed; the committed modules were not rebuilt" >&2
	[ "${1:-}" = --check ] && exit 0
	exit 1
fi

out=.
if [ "${1:-}" = --check ]; then
	out=$(mktemp -d)
	trap 'rm -rf "$out"' EXIT
fi
modules=""
for name in complexity injection names pii secrets; do
	mkdir -p "$out/$name"
	clang-19 --target=wasm32 -std=c11 -O3 -msimd128 -mbulk-memory \
		-ffreestanding -nostdlib -fuse-ld=/usr/bin/wasm-ld-19 \
		-Wall -Wextra -Werror -Wno-unused-function -I guest -I "$name" \
		-Wl,--no-entry -Wl,--stack-first -Wl,-z,stack-size=65536 -Wl,--strip-all \
		-o "$out/$name/$name.wasm" "$name/$name.c"
	chmod 644 "$out/$name/$name.wasm"
	modules="$modules $name/$name.wasm"
done
if [ "$out" = . ]; then
	# shellcheck disable=SC2086 # one word a module
	sha256sum $modules >SHA256SUMS
	cat SHA256SUMS
else
	(cd "$out" && sha256sum --quiet -c -) <SHA256SUMS
	echo "classifiers/build.sh: the committed modules are what their source gives"
fi
