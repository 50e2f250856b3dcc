#!/bin/bash
# SPDX-License-Identifier: MIT
# `meson install` puts things where Debian's users expect them: install.sh BUILD-DIRECTORY
set -u
build=$1
to=$(mktemp -d /tmp/simmfs-install-XXXXXX)
trap 'rm -rf "$to"' EXIT
fail() {
    echo "FAILED: $*" >&2
    exit 1
}
meson install -C "$build" --no-rebuild --destdir "$to" >"$to/log" 2>&1 || { cat "$to/log"; fail "meson install"; }

one() { # a path with wildcards below the destination: exactly one file matches
    local found
    found=$(compgen -G "$to$1" | wc -l)
    [ "$found" = 1 ] || fail "$1: $found files, 1 expected; there are: $(cd "$to" && find . -type f | sort)"
}
one "/usr/local/bin/simmfs"
one "/usr/local/include/simm/simm.h"
one "/usr/local/lib*/**/libsimm.a" 2>/dev/null || one "/usr/local/lib/*/libsimm.a"
one "/usr/local/lib/*/pkgconfig/simm.pc"
one "/usr/local/share/man/man1/simmfs.1"
one "/usr/local/share/man/man5/simmfs-tree.5"
one "/usr/local/share/man/man5/simmfs-calls.5"
for dts in examples/machines/*.dts; do
    [ -e "$dts" ] || break
    one "/usr/local/share/simmfs/machines/$(basename "$dts")"
done
one "/usr/local/share/simmfs/examples/buddy.sh"
one "/usr/local/share/simmfs/examples/lesson.sh"
one "/usr/local/share/bash-completion/completions/simmfs"
[ -x "$to/usr/local/bin/simmfs" ] || fail "the program is not executable"
"$to/usr/local/bin/simmfs" --version | grep -q '[0-9]\.[0-9]' || fail "the installed program does not run"

# A program outside this source tree builds and links with nothing but pkg-config.
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(compgen -G "$to/usr/local/lib/*/pkgconfig/simm.pc")")
cat >"$to/use.c" <<'END'
#include <simm/simm.h>
#include <stdio.h>

int main(void)
{
	char error[512] = "", text[4096];
	struct simm_config *config = simm_config_new();
	struct simm *simm;
	ssize_t n;

	if (simm_config_machine(config, "pc-i386", error, sizeof(error)) ||
		simm_config_option(config, "ram", "64M", error, sizeof(error)) ||
		!(simm = simm_create(config, error, sizeof(error)))) {
		puts(error);
		return 1;
	}
	n = simm_file_read(simm, "proc/buddyinfo", text, sizeof(text));
	printf("%.*s", (int)n, text);
	simm_destroy(simm);
	simm_config_free(config);
	return n > 0 ? 0 : 1;
}
END
# shellcheck disable=SC2046
cc ${SANITIZE:+-fsanitize=$SANITIZE} -o "$to/use" "$to/use.c" \
    $(pkg-config --define-variable=prefix="$to/usr/local" --cflags --libs --static simm) ||
    fail "a program does not build with \`pkg-config --cflags --libs --static simm\`"
"$to/use" | grep -q '^Node 0, zone' || fail "a program that uses the library does not get proc/buddyinfo"

# The manual pages are clean, and name every file and call that the tables have.
if command -v mandoc >/dev/null; then
    for page in "$to"/usr/local/share/man/man?/*; do
        mandoc -Tlint -Wwarning "$page" || fail "mandoc finds something in $(basename "$page")"
    done
fi
for word in proc/buddyinfo sim/ctl; do
    grep -q "$word" "$to/usr/local/share/man/man5/simmfs-tree.5" || fail "simmfs-tree(5) lacks $word"
done
grep -q '^\.It Ic alloc_pages' "$to/usr/local/share/man/man5/simmfs-calls.5" || fail "simmfs-calls(5) lacks alloc_pages"
echo "installed: $(find "$to/usr" -type f | wc -l) files"
