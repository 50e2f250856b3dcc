// SPDX-License-Identifier: MIT
/*
 * The mountpoint.
 *
 * mount(2) and fusermount3 say little when they refuse, and root may even mount over a file, or
 * twice over the same directory, without a word. So everything that can be known beforehand is
 * looked at first: the directory (missing, a file, left behind by a daemon that was killed, in use,
 * not ours, not empty), /dev/fuse, fusermount3 (which an ordinary user needs), /etc/fuse.conf (for
 * allow_other).
 */
#include "daemon/mountpoint.h"
#include "daemon/options.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *unmount_command(void)
{
	return geteuid() ? "fusermount3 -u" : "umount";
}

/* ---- the directory ---- */

/* mountinfo writes blanks and backslashes as \040. */
static void undo_octal(char *text)
{
	char *out = text;

	for (const char *p = text; *p; p++) {
		if (p[0] == '\\' && p[1] && p[2] && p[3]) {
			*out++ = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
			p += 3;
		} else {
			*out++ = *p;
		}
	}
	*out = '\0';
}

/* The type of the last thing mounted at @absolute; false: nothing is. */
static bool mounted_type(const char *absolute, char *type, size_t cap)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t line_cap = 0;
	bool found = false;

	if (!mounts)
		return false;
	while (getline(&line, &line_cap, mounts) > 0) {
		char *rest = strstr(line, " - "), *at = line, *path = NULL;
		char kind[64];

		if (!rest || sscanf(rest, " - %63s", kind) != 1)
			continue;
		for (unsigned field = 0; field < 5; field++)
			path = strsep(&at, " ");
		if (!path)
			continue;
		undo_octal(path);
		if (!strcmp(path, absolute)) {
			snprintf(type, cap, "%s", kind);
			found = true;
		}
	}
	free(line);
	fclose(mounts);
	return found;
}

static bool is_empty(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	bool empty = true;

	if (!dir)
		return true;
	while (empty && (entry = readdir(dir)))
		empty = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
	closedir(dir);
	return empty;
}

static int explain_missing(const char *path, int err)
{
	switch (err) {
	case ENOTCONN:
	case ECONNABORTED:
		fprintf(stderr,
			"simmfs: %s: a daemon that served this mountpoint has died (\"%s\"); "
			"unmount it with `%s %s` and try again\n",
			path, strerror(err), unmount_command(), path);
		break;
	case ENOENT:
		fprintf(stderr, "simmfs: there is no directory %s; make it with `mkdir -p %s`\n",
			path, path);
		break;
	case EACCES:
		fprintf(stderr,
			"simmfs: %s: %s; use a directory of your own, or, where another user's "
			"file system is mounted, "
			"have him mount it with allow_other\n",
			path, strerror(err));
		break;
	default:
		fprintf(stderr, "simmfs: cannot look at the mountpoint %s: %s\n", path,
			strerror(err));
	}
	return -1;
}

static int check_directory(const char *path, char **absolute)
{
	char type[64];
	struct stat st;

	if (stat(path, &st))
		return explain_missing(path, errno);
	if (!S_ISDIR(st.st_mode)) {
		fprintf(stderr,
			"simmfs: %s is not a directory; a machine is mounted on a directory, best "
			"an empty one\n",
			path);
		return -1;
	}
	*absolute = realpath(path, NULL);
	if (!*absolute)
		return explain_missing(path, errno);
	if (mounted_type(*absolute, type, sizeof(type)) && !strncmp(type, "fuse", 4)) {
		fprintf(stderr,
			"simmfs: %s is in use: a file system (%s) is mounted there; unmount it "
			"with `%s %s`, or use "
			"another directory\n",
			path, type, unmount_command(), path);
		return -1;
	}
	if (geteuid() && access(path, W_OK)) {
		fprintf(stderr,
			"simmfs: you may not mount on %s: an ordinary user needs a directory that "
			"he may write to; "
			"make one with mkdir\n",
			path);
		return -1;
	}
	if (!is_empty(path))
		fprintf(stderr,
			"simmfs: warning: %s is not empty; what lies in it is hidden until the "
			"machine is unmounted\n",
			path);
	return 0;
}

/* ---- what FUSE needs ---- */

static int check_device(void)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	switch (errno) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		fputs("simmfs: there is no /dev/fuse; load the kernel's module with `modprobe "
		      "fuse` "
		      "(a container must be given the device: --device /dev/fuse --cap-add "
		      "SYS_ADMIN)\n",
			stderr);
		break;
	case EACCES:
	case EPERM:
		fputs("simmfs: you may not open /dev/fuse; root lets everybody mount with `chmod "
		      "666 /dev/fuse`, "
		      "as udev does (a container must be given the device: --device /dev/fuse)\n",
			stderr);
		break;
	default:
		fprintf(stderr, "simmfs: cannot open /dev/fuse: %s\n", strerror(errno));
	}
	return -1;
}

/* Where libfuse looks: /usr/bin as it was built, then PATH. */
static bool find_fusermount(struct stat *st)
{
	const char *path = getenv("PATH");
	char file[PATH_MAX];

	if (!stat("/usr/bin/fusermount3", st) && S_ISREG(st->st_mode))
		return true;
	while (path && *path) {
		size_t len = strcspn(path, ":");

		snprintf(file, sizeof(file), "%.*s/fusermount3", (int)len, path);
		if (!stat(file, st) && S_ISREG(st->st_mode) && !access(file, X_OK))
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

static bool conf_allows_other(void)
{
	FILE *conf = fopen("/etc/fuse.conf", "re");
	char line[256];
	bool allows = false;

	if (!conf)
		return false;
	while (fgets(line, sizeof(line), conf)) {
		line[strcspn(line, " \t\r\n")] = '\0';
		allows = allows || !strcmp(line, "user_allow_other");
	}
	fclose(conf);
	return allows;
}

static int check_helper(const struct options *options)
{
	struct stat st;

	if (!geteuid())
		return 0;
	if (!find_fusermount(&st)) {
		fputs("simmfs: fusermount3 is missing, without which only root can mount; install "
		      "it "
		      "(Debian: apt install fuse3)\n",
			stderr);
		return -1;
	}
	if (!(st.st_mode & S_ISUID) || st.st_uid) {
		fputs("simmfs: fusermount3 does not run as root, so it cannot mount for you; root "
		      "mends that with "
		      "`chown root /usr/bin/fusermount3; chmod u+s /usr/bin/fusermount3`\n",
			stderr);
		return -1;
	}
	if (options->allow_other && !conf_allows_other()) {
		fputs("simmfs: allow_other is for root, unless /etc/fuse.conf has a line "
		      "user_allow_other; add it, or leave "
		      "allow_other out\n",
			stderr);
		return -1;
	}
	return 0;
}

int mountpoint_check(const struct options *options, char **absolute)
{
	*absolute = NULL;
	if (check_directory(options->mountpoint, absolute) || check_device() ||
		check_helper(options)) {
		free(*absolute);
		*absolute = NULL;
		return -1;
	}
	return 0;
}

void mountpoint_explain_failure(const char *mountpoint, int err, const char *said)
{
	size_t len = strcspn(said, "\n");

	fprintf(stderr, "simmfs: cannot mount on %s", mountpoint);
	if (len)
		fprintf(stderr, ": %.*s", (int)len, said);
	else if (err)
		fprintf(stderr, ": %s", strerror(err));
	if (err == EPERM && !geteuid())
		fputs("; this root may not mount (a container needs --cap-add SYS_ADMIN --device "
		      "/dev/fuse)",
			stderr);
	if (err == EBUSY)
		fprintf(stderr,
			"; it is in use: unmount what is there with `%s %s`, or use another "
			"directory",
			unmount_command(), mountpoint);
	fputc('\n', stderr);
}
