#!/bin/sh
# Takes the path of a developer in each language whose compiler is there: new, build,
# check; then the example of that language, which has to give the same results as the
# one in Go. Prints a line for each language. SALLYPORT is the binary to use, WORK a
# folder for what is built, which is kept: AssemblyScript is installed there once.
#
#     SALLYPORT=.build/sallyport WORK=.build/guests classifiers/guest/test.sh
set -eu
sallyport=$(realpath "${SALLYPORT:-.build/sallyport}")
mkdir -p "${WORK:-.build/guests}"
work=$(realpath "${WORK:-.build/guests}")
guest=$(realpath "$(dirname "$0")")
example=$guest/examples/tickets

fail() {
	echo "FAIL $1: $2" >&2
	[ -z "${3:-}" ] || cat "$3" >&2
	exit 1
}

# One line of what a command said, where it failed because something is missing.
skip() {
	echo "SKIP $1: $(sed -n 's/^sallyport: //p' "$2")"
}

check_example() {
	"$sallyport" classifier check "$1" --config-json "@$example/config.json" --tests "$example/tests.jsonl" \
		--against "$work/tickets_go.wasm" >"$work/log" 2>&1 || fail "$2" "the example" "$work/log"
	"$sallyport" classifier check "$1" --against "$work/tickets_go.wasm" >"$work/log" 2>&1 ||
		fail "$2" "the example without a config" "$work/log"
}

# The compiler of a package manager's making, at the version of the template.
install_assemblyscript() {
	version=$(sed -n 's/.*"assemblyscript": "\(.*\)".*/\1/p' "$guest/templates/assemblyscript/package.json")
	if [ ! -x "$work/node_modules/.bin/asc" ] || [ "$(cat "$work/asc-version" 2>/dev/null)" != "$version" ]; then
		command -v npm >/dev/null || return 0
		npm install --prefix "$work" --no-save --no-audit --no-fund --ignore-scripts "assemblyscript@$version" >"$work/npm.log" 2>&1 || return 0
		echo "$version" >"$work/asc-version"
	fi
	ASC=$work/node_modules/.bin/asc
	export ASC
}

cd "$work"
"$sallyport" classifier build "$example/go" -o "$work/tickets_go.wasm" >log 2>&1 || fail go "build the example" log
for language in go c assemblyscript rust; do
	name=try_$language
	rm -rf "$name"
	"$sallyport" classifier new --lang "$language" "$name" >log 2>&1 || fail "$language" new log
	[ "$language" != assemblyscript ] || install_assemblyscript
	code=0
	"$sallyport" classifier build "$name" >built 2>&1 || code=$?
	if [ "$code" = 1 ]; then
		skip "$language" built
		continue
	fi
	[ "$code" = 0 ] || fail "$language" build built
	"$sallyport" classifier check "$name/$name.wasm" >log 2>&1 || fail "$language" check log
	if [ "$language" = go ]; then
		(cd "$name" && go vet ./... && go test ./...) >log 2>&1 || fail go "go test" log
		check_example tickets_go.wasm go
	else
		cp "$example/$language/"* "$name/"
		"$sallyport" classifier build "$name" -o "$work/tickets_$language.wasm" >built 2>&1 || fail "$language" "build the example" built
		check_example "tickets_$language.wasm" "$language"
	fi
	echo "ok   $language: project and example built and checked; $(sed -n 's/.*: \([0-9]* bytes, by .*\)/\1/p' built)"
done
