/*
 * Makes system calls on files fail, or kill the process, at the k-th call: loaded into a child with LD_PRELOAD.
 *
 * The library under test enters the kernel without libc, so replacing libc's functions would see nothing. A seccomp
 * filter turns the calls into SIGSYS instead, whoever makes them; the handler decides, and makes the call itself with
 * a sixth argument that the filter lets pass. No privilege is needed. The child cannot start other programs.
 *
 *   INJECT_UNDER  only calls on paths that begin so        INJECT_CALLS  their names, separated by commas
 *   INJECT_MATCH  and contain this                         INJECT_FROM   the first call that is hit, from 1
 *   INJECT_WHILE  and only while this file exists          INJECT_COUNT  how many are hit; 0 means all from then on
 *   INJECT_DO     an error number, "kill", or "tear": half of a write, then kill
 *   INJECT_LOG    each call that counts is appended here: "hit" or "pass", name, path
 *   CLOCK_BACK_WHILE  while this file exists, the clock of the day is a day behind
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define PASS 0x5157A5ED0D15CUL

enum place { BY_FD, FIRST_PATH, SECOND_PATH };

static const struct {
    long number;
    const char *name;
    enum place place;
} CALLS[] = {
    {SYS_write, "write", BY_FD},
    {SYS_writev, "write", BY_FD},
    {SYS_pwrite64, "write", BY_FD},
    {SYS_pwritev, "write", BY_FD},
    {SYS_fdatasync, "fdatasync", BY_FD},
    {SYS_fsync, "fsync", BY_FD},
    {SYS_ftruncate, "ftruncate", BY_FD},
    {SYS_fallocate, "fallocate", BY_FD},
    {SYS_flock, "flock", BY_FD},
    {SYS_openat, "openat", SECOND_PATH},
    {SYS_renameat2, "rename", SECOND_PATH},
    {SYS_unlinkat, "unlink", SECOND_PATH},
    {SYS_mkdirat, "mkdir", SECOND_PATH},
#ifdef SYS_open
    {SYS_open, "openat", FIRST_PATH},
    {SYS_rename, "rename", FIRST_PATH},
    {SYS_renameat, "rename", SECOND_PATH},
    {SYS_unlink, "unlink", FIRST_PATH},
    {SYS_mkdir, "mkdir", FIRST_PATH},
#else
    {SYS_renameat, "rename", SECOND_PATH},
#endif
};
#define CALL_COUNT (sizeof CALLS / sizeof *CALLS)

static struct {
    const char *under, *match, *calls, *act, *while_exists;
    unsigned long from, count;
    int log;
} plan;
static const char *clock_back_while;
static unsigned long counted;

static long call(long number, const unsigned long *a) {
    long result = syscall(number, a[0], a[1], a[2], a[3], a[4], PASS);
    return result == -1 ? -errno : result;
}

static int wanted(const char *name) {
    size_t length = strlen(name);
    for (const char *at = plan.calls; (at = strstr(at, name)); at += length) {
        int begins = at == plan.calls || at[-1] == ',';
        if (begins && (at[length] == ',' || at[length] == 0)) return 1;
    }
    return 0;
}

static int path_of(int which, const unsigned long *a, char *path, size_t size) {
    if (CALLS[which].place != BY_FD) {
        snprintf(path, size, "%s", (const char *)a[CALLS[which].place == SECOND_PATH]);
        return 1;
    }
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", (int)a[0]);
    ssize_t length = readlink(link, path, size - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return 1;
}

static void note(const char *what, int which, const char *path) {
    if (plan.log < 0) return;
    char line[5000];
    int length = snprintf(line, sizeof line, "%s %s %s\n", what, CALLS[which].name, path);
    unsigned long a[] = {(unsigned long)plan.log, (unsigned long)line, (unsigned long)length, 0, 0};
    call(SYS_write, a);
}

static long decide(long number, const unsigned long *a) {
    char path[4200];
    int which = 0;
    while (which < (int)CALL_COUNT && CALLS[which].number != number) which++;
    if (which == (int)CALL_COUNT || !wanted(CALLS[which].name)) return call(number, a);
    if (!path_of(which, a, path, sizeof path) || strncmp(path, plan.under, strlen(plan.under)) != 0)
        return call(number, a);
    if (plan.match && !strstr(path, plan.match)) return call(number, a);
    if (plan.while_exists && access(plan.while_exists, F_OK) != 0) return call(number, a);
    unsigned long at = __atomic_add_fetch(&counted, 1, __ATOMIC_SEQ_CST);
    if (at < plan.from || (plan.count && at >= plan.from + plan.count)) {
        note("pass", which, path);
        return call(number, a);
    }
    note("hit", which, path);
    if (strcmp(plan.act, "tear") == 0 && number == SYS_write) {
        unsigned long half[] = {a[0], a[1], a[2] / 2, 0, 0};
        call(number, half);
    }
    if (strcmp(plan.act, "tear") == 0 || strcmp(plan.act, "kill") == 0) {
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
    return -atol(plan.act);
}

static void on_call(int signal, siginfo_t *info, void *context) {
    (void)signal;
    int saved = errno;
    mcontext_t *machine = &((ucontext_t *)context)->uc_mcontext;
#if defined(__x86_64__)
    greg_t *r = machine->gregs;
    unsigned long a[] = {r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10], r[REG_R8]};
    r[REG_RAX] = decide(info->si_syscall, a);
#elif defined(__aarch64__)
    unsigned long a[5];
    for (int i = 0; i < 5; i++) a[i] = machine->regs[i];
    machine->regs[0] = decide(info->si_syscall, a);
#else
#error "teach this file the registers of this machine"
#endif
    errno = saved;
}

static void trap_calls(void) {
    struct sock_filter filter[CALL_COUNT + 8];
    int at = 0, n = CALL_COUNT;
    const unsigned low = offsetof(struct seccomp_data, args[5]);
    filter[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < n; i++)
        filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CALLS[i].number, n - i, 0);
    filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low);
    filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)PASS, 0, 3);
    filter[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low + 4);
    filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(PASS >> 32), 0, 1);
    filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
    struct sock_fprog program = {(unsigned short)at, filter};
    struct sigaction action = {0};
    action.sa_sigaction = on_call;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    if (sigaction(SIGSYS, &action, NULL) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        perror("cannot inject faults");
        abort();
    }
}

__attribute__((constructor)) static void begin(void) {
    clock_back_while = getenv("CLOCK_BACK_WHILE");
    plan.calls = getenv("INJECT_CALLS");
    if (!plan.calls) return;
    plan.under = getenv("INJECT_UNDER");
    plan.match = getenv("INJECT_MATCH");
    plan.while_exists = getenv("INJECT_WHILE");
    plan.act = getenv("INJECT_DO");
    plan.from = strtoul(getenv("INJECT_FROM"), NULL, 10);
    plan.count = strtoul(getenv("INJECT_COUNT"), NULL, 10);
    const char *log = getenv("INJECT_LOG");
    plan.log = log ? open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    trap_calls();
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, time);
    if (result == 0 && clock == CLOCK_REALTIME && clock_back_while && access(clock_back_while, F_OK) == 0)
        time->tv_sec -= 24 * 3600;
    return result;
}
