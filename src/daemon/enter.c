// SPDX-License-Identifier: MIT
/*
 * simmfs --enter MNT COMMAND: plain `free`, `slabtop` or `numactl -H` show the machine.
 *
 *	1. A private mount namespace; an ordinary user needs a user namespace around it, in which he
 *	   keeps his own uid (FUSE lets only the mounting user in) and may mount.
 *	2. MNT/sys is bound over /sys and then MNT/proc over /proc. Nothing outside sees that.
 *	3. COMMAND runs with SIMM_MNT in its environment.
 *
 * What it cannot change are system calls: sysinfo(2), sched_getaffinity(2), and what a program asks
 * of them (`nproc`, sysconf(_SC_PHYS_PAGES)), tell of the host. Process ids stay the host's, too.
 */
#include "daemon/enter.h"
#include "daemon/mountpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_text(const char *path, const char *format, unsigned inside, unsigned outside)
{
	char text[64];
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int len = snprintf(text, sizeof(text), format, inside, outside);
	bool good;

	if (fd < 0)
		return -1;
	good = write(fd, text, (size_t)len) == len;
	close(fd);
	return good ? 0 : -1;
}

static int private_namespace(void)
{
	unsigned uid = geteuid(), gid = getegid();

	if (!unshare(CLONE_NEWNS))
		return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	if (errno != EPERM || unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return -1;
	/* Without setgroups denied, the kernel lets an ordinary user write no gid_map. */
	if (write_text("/proc/self/setgroups", "deny", 0, 0) ||
		write_text("/proc/self/gid_map", "%u %u 1", gid, gid) ||
		write_text("/proc/self/uid_map", "%u %u 1", uid, uid))
		return -1;
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

static int bind_over(const char *mountpoint, const char *name)
{
	char from[4200], to[16];

	snprintf(from, sizeof(from), "%s/%s", mountpoint, name);
	snprintf(to, sizeof(to), "/%s", name);
	if (!mount(from, to, NULL, MS_BIND, NULL))
		return 0;
	fprintf(stderr, "simmfs: cannot put %s over %s: %s\n", from, to, strerror(errno));
	return -1;
}

static bool is_machine(const char *mountpoint)
{
	char path[4200];
	struct stat st;

	snprintf(path, sizeof(path), "%s/sim/ctl", mountpoint);
	return !stat(path, &st);
}

int enter(const char *mountpoint, char **command)
{
	char *absolute = realpath(mountpoint, NULL);
	char plain_shell[] = "/bin/sh";
	char *shell[] = {getenv("SHELL"), NULL};
	int err;

	if (!absolute || !is_machine(absolute)) {
		fprintf(stderr,
			"simmfs: no machine is mounted on %s%s%s; mount one with `simmfs %s`\n",
			mountpoint, absolute ? "" : ": ", absolute ? "" : strerror(errno),
			mountpoint);
		free(absolute);
		return 1;
	}
	if (private_namespace()) {
		fprintf(stderr,
			"simmfs: cannot make a private namespace: %s; as root it works, or where "
			"ordinary users may "
			"make user namespaces (sysctl user.max_user_namespaces, "
			"kernel.unprivileged_userns_clone)\n",
			strerror(errno));
		free(absolute);
		return 1;
	}
	/* /proc last: the namespaces' own files were needed until here. */
	if (bind_over(absolute, "sys") || bind_over(absolute, "proc")) {
		free(absolute);
		return 1;
	}
	setenv("SIMM_MNT", absolute, 1);
	free(absolute);
	if (!command) {
		if (!shell[0] || !*shell[0])
			shell[0] = plain_shell;
		command = shell;
	}
	execvp(command[0], command);
	err = errno;
	fprintf(stderr, "simmfs: cannot run %s: %s\n", command[0], strerror(err));
	/* Not through exit(): who checks for leaks there reads /proc/self, which is the machine's now. */
	_exit(err == ENOENT ? 127 : 126);
}
