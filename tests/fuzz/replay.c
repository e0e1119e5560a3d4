/* A fuzzer's inputs run again, in builds without a fuzzer: each of tests/fuzz/corpus/NAME by
 * tests/fuzz/replay_NAME, in a process of its own, through the same target. What one of them once
 * broke stays mended; and the quick tests take the ways that only a fuzzer thought of.
 *
 * Not with Check, whose clock and memory a target would replace too. The last line is for
 * Automake's log. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

enum { INPUT_TIMEOUT_S = 60 };

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

/* The file's bytes in a block of exactly their size: a sanitizer sees a step beyond it. Not by
 * stdio: one of the targets has the place of fopen. */
static uint8_t *read_input(const char *path, size_t *size)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0)
        fail(path);
    *size = (size_t)info.st_size;
    uint8_t *bytes = malloc(*size ? *size : 1);
    if (!bytes || read(fd, bytes, *size) != info.st_size)
        fail(path);
    close(fd);
    return bytes;
}

/* A target aborts where something is not as it must be. */
static _Noreturn void run_input(const char *path)
{
    size_t size;
    uint8_t *bytes = read_input(path, &size);
    alarm(INPUT_TIMEOUT_S);
    int result = LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    exit(result == 0 ? EXIT_SUCCESS : EXIT_FAILURE); /* not _exit: a sanitizer looks for leaks */
}

static bool passes(const char *path)
{
    int status;
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        fail("fork");
    if (pid == 0)
        run_input(path);
    if (waitpid(pid, &status, 0) != pid)
        fail("waitpid");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    fprintf(stderr, "%s: %s %d\n", path, WIFSIGNALED(status) ? "signal" : "exit status",
            WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return false;
}

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Returns how many inputs of the present directory failed, of `count`. */
static int run_inputs(int *count)
{
    struct dirent **inputs;
    int failed = 0;
    *count = scandir(".", &inputs, is_input, alphasort);
    if (*count <= 0)
        fail("inputs");
    for (int i = 0; i < *count; i++) {
        failed += !passes(inputs[i]->d_name);
        free(inputs[i]);
    }
    free(inputs);
    return failed;
}

int main(int argc, char **argv)
{
    static const char prefix[] = "replay_";
    char directory[PATH_MAX];
    const char *slash = strrchr(argv[0], '/'), *source = getenv("TALLYCAST_SRCDIR");
    const char *name = strstr(slash ? slash : argv[0], prefix);
    snprintf(directory, sizeof directory, "%s/tests/fuzz/corpus/%s", source ? source : ".",
             name ? name + strlen(prefix) : "");
    if (chdir(directory) != 0)
        fail(directory);
    if (LLVMFuzzerInitialize)
        LLVMFuzzerInitialize(&argc, &argv);
    int count, failed = run_inputs(&count);
    printf("Checks: %d, Failures: %d, Errors: 0\n", count, failed);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
